//! The synchronous core of the log. No threads, no clock, no randomness.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Disk, Entry, Header, LogPoint, OpenError, Options, ReadError, Recovered, WalError};

/// The log without its writer thread.
#[derive(Debug)]
pub struct Log {}

#[allow(unused_variables, missing_docs)]
impl Log {
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        Ok((Self {}, Recovered::default()))
    }
    /// Returns the sequence number of its last record: durable once `commit` returns at least it.
    pub fn append(&mut self, group: u32, entries: &[Entry]) -> Result<u64, WalError> {
        Ok(0)
    }
    pub fn truncate_after(&mut self, group: u32, last_kept: Option<u64>) -> Result<u64, WalError> {
        Ok(0)
    }
    pub fn purge(&mut self, group: u32, upto: u64, header: Header) -> Result<u64, WalError> {
        Ok(0)
    }
    pub fn save(&mut self, group: u32, key: u8, value: Bytes) -> Result<u64, WalError> {
        Ok(0)
    }
    /// Writes and syncs everything submitted; returns the sequence number up to which all is durable.
    pub fn commit(&mut self) -> Result<u64, WalError> {
        Ok(0)
    }
    /// Allocates and frees segments until there is nothing to do.
    pub fn upkeep(&mut self) {}
    pub fn read(
        &self,
        group: u32,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        Ok(Vec::new())
    }
    pub fn first(&self, group: u32) -> Option<u64> {
        None
    }
    pub fn last(&self, group: u32) -> Option<LogPoint> {
        None
    }
    pub fn purged(&self, group: u32) -> Option<LogPoint> {
        None
    }
    pub fn point(&self, group: u32, index: u64) -> Option<LogPoint> {
        None
    }
    pub fn value(&self, group: u32, key: u8) -> Option<Bytes> {
        None
    }
    pub fn room(&self) -> u64 {
        0
    }
    pub fn has_room(&self) -> bool {
        true
    }
    pub fn log_bytes(&self, group: u32) -> u64 {
        0
    }
    pub fn pinned_by(&self) -> Vec<(u32, u64)> {
        Vec::new()
    }
}
