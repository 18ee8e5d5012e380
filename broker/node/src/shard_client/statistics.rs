//! Counters of one shard's proposer, as plain atomics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a proposer has done since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) batches: AtomicU64,
    pub(super) commands: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) again: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) ticks: AtomicU64,
}

/// A reading of the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProposerStatistics {
    /// Batches applied.
    pub batches: u64,
    /// Commands in them.
    pub commands: u64,
    /// Their encoded bytes.
    pub bytes: u64,
    /// Batches that were proposed another time.
    pub again: u64,
    /// Commands refused for want of room.
    pub refused: u64,
    /// Batches proposed only so that time goes on.
    pub ticks: u64,
    /// Bytes that wait to be proposed now.
    pub queued_bytes: u64,
}

impl Counters {
    /// Adds to a counter.
    pub(super) fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Relaxed);
    }

    /// Reads all.
    pub(super) fn read(&self, queued_bytes: usize) -> ProposerStatistics {
        ProposerStatistics {
            batches: self.batches.load(Relaxed),
            commands: self.commands.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            again: self.again.load(Relaxed),
            refused: self.refused.load(Relaxed),
            ticks: self.ticks.load(Relaxed),
            queued_bytes: queued_bytes as u64,
        }
    }
}
