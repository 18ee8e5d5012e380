//! What outlives a crash, and the real log on it: entries are appended to their shard's group and count once a
//! commit has returned.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use quorate_wal::{Entry, HEADER_BYTES, Log, Options, SimDisk};

use crate::limits::SEGMENT_BYTES;

/// The disk, and the snapshots beside the log: a snapshot counts once it is wholly on disk, so it is a value here.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) disk: SimDisk,
    pub(crate) snapshots: BTreeMap<u16, Snapshot>,
}

/// A shard's state up to an entry.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) records: Vec<Bytes>,
}

/// Why the log did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The disk's power is off.
    PowerLost,
    /// What is there is not what was written.
    Damaged(String),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Log,
}

impl Journal {
    pub(crate) fn open(disk: &SimDisk) -> Result<Self, Failed> {
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            ring_bytes_max: SEGMENT_BYTES as usize / 4,
            salt: 7,
            ..Options::default()
        };
        match Log::open(Arc::new(disk.clone()), options) {
            Ok((log, _)) => Ok(Self { log }),
            Err(quorate_wal::OpenError::Io { .. }) => Err(Failed::PowerLost),
            Err(error) => Err(Failed::Damaged(error.to_string())),
        }
    }

    pub(crate) fn append(&mut self, shard: u16, index: u64, payload: Bytes) -> Result<(), Failed> {
        let header = [0; HEADER_BYTES];
        let entry = Entry {
            index,
            header,
            payload,
        };
        self.log.append(group(shard), vec![entry]).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn commit(&mut self) -> Result<(), Failed> {
        self.log.commit().map_err(failed)?;
        Ok(())
    }

    /// Entries from `first` on.
    pub(crate) fn read(&self, shard: u16, first: u64) -> Result<Vec<Entry>, Failed> {
        let read = self.log.read(group(shard), first..u64::MAX, usize::MAX);
        read.map_err(|error| Failed::Damaged(error.to_string()))
    }

    /// The index the shard's next entry has.
    pub(crate) fn next_index(&self, shard: u16) -> u64 {
        let last = self.log.last(group(shard));
        let purged = self.log.purged(group(shard));
        last.or(purged).map_or(1, |point| point.index + 1)
    }

    pub(crate) fn purge(&mut self, shard: u16, upto: u64) -> Result<(), Failed> {
        self.log
            .purge(group(shard), upto, [0; HEADER_BYTES])
            .map_err(failed)?;
        self.log.upkeep();
        Ok(())
    }
}

/// The control group would be group 0.
fn group(shard: u16) -> u32 {
    u32::from(shard) + 1
}

fn failed(error: quorate_wal::WalError) -> Failed {
    match error {
        quorate_wal::WalError::Stopped { .. } | quorate_wal::WalError::NoSpace => Failed::PowerLost,
        quorate_wal::WalError::NotConsecutive { .. }
        | quorate_wal::WalError::TooLarge { .. }
        | quorate_wal::WalError::TooManyGroups { .. }
        | quorate_wal::WalError::Closed => Failed::Damaged(error.to_string()),
    }
}
