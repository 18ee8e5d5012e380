//! The log behind its writer thread: submissions from any thread, one batch per sync, callbacks when it is durable.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Disk, Entry, Header, LogPoint, OpenError, Options, ReadError, Recovered, Stats, WalError,
};

/// Told once how a submission ended. Called on the writer thread, or on the submitter's when refused at once: must
/// neither block nor take long.
pub type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// A handle to the log; clones are the same log. The last one dropped writes what was submitted and ends the thread.
#[derive(Clone, Debug)]
pub struct Wal {
    stats: Arc<Stats>,
}

#[allow(unused_variables)]
impl Wal {
    /// Recovers the log and starts its writer.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        Ok((
            Self {
                stats: Arc::default(),
            },
            Recovered::default(),
        ))
    }
    /// Appends entries, which must follow the group's last. They are readable when this returns, durable when `done`
    /// is told so. Waits while more than `queue_bytes_max` are queued.
    pub fn append(&self, group: u32, entries: Vec<Entry>, done: Done) {
        done(Ok(()));
    }
    /// Removes what lies after `last_kept`; everything when it is `None`. In order with, and durable no later than, any
    /// later submission.
    pub fn truncate_after(&self, group: u32, last_kept: Option<u64>) -> Result<(), WalError> {
        Ok(())
    }
    /// Removes entries up to and with `upto`, which may lie beyond the last: the next entry is then `upto + 1`.
    pub fn purge(&self, group: u32, upto: u64, header: Header) -> Result<(), WalError> {
        Ok(())
    }
    /// Sets a small value of a group. In order with everything else.
    pub fn save(&self, group: u32, key: u8, value: Bytes, done: Done) {
        done(Ok(()));
    }
    /// Entries of `range` that are there, from its start, until their payloads exceed `bytes_max`; at least one. May
    /// read from disk.
    pub fn read(
        &self,
        group: u32,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        Ok(Vec::new())
    }
    /// The first index that is there.
    pub fn first(&self, group: u32) -> Option<u64> {
        None
    }
    /// The last entry that is there, durable or not.
    pub fn last(&self, group: u32) -> Option<LogPoint> {
        None
    }
    /// Up to where the group was purged.
    pub fn purged(&self, group: u32) -> Option<LogPoint> {
        None
    }
    /// An entry's header, without reading it.
    pub fn point(&self, group: u32, index: u64) -> Option<LogPoint> {
        None
    }
    /// A small value, durable or not.
    pub fn value(&self, group: u32, key: u8) -> Option<Bytes> {
        None
    }
    /// Bytes of entries that still fit without allocating.
    pub fn room(&self) -> u64 {
        0
    }
    /// Whether new work should be taken: false some time before an append fails with `NoSpace`.
    pub fn has_room(&self) -> bool {
        true
    }
    /// Live bytes of a group in the log.
    pub fn log_bytes(&self, group: u32) -> u64 {
        0
    }
    /// The groups that keep the oldest segment from being freed, with their live bytes in it, largest first. A group
    /// that stays here should take a snapshot and purge.
    pub fn pinned_by(&self) -> Vec<(u32, u64)> {
        Vec::new()
    }
    /// Counters for metrics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
    /// Writes what was submitted and ends the thread; later submissions are refused.
    pub fn close(&self) {}
}
