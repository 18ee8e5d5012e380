//! Counters of the log as plain atomics, read by whoever exports metrics. Counting never fails and never waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of [`Stats::commit_micros`], in microseconds.
const COMMIT_MICROS: [u64; 14] = [
    50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 102_400, 204_800,
    1_000_000,
];
/// Upper bounds of the buckets of [`Stats::batch_records`].
const BATCH_RECORDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1_024, 4_096];

/// What the log has done since it was opened.
#[derive(Debug)]
pub struct Stats {
    /// Syncs of segments asked for by commits.
    pub syncs: AtomicU64,
    /// Batches made durable: one write and one sync each, more where a batch crosses into a new segment.
    pub commits: AtomicU64,
    /// Records made durable.
    pub records: AtomicU64,
    /// Bytes made durable, heads and padding included.
    pub bytes: AtomicU64,
    /// Time of a commit, write and sync together, in microseconds.
    pub commit_micros: Histogram,
    /// Records per commit.
    pub batch_records: Histogram,
    /// Segments zeroed; steady when segments are reused.
    pub segments_allocated: AtomicU64,
    /// Segments freed by purging or rewriting.
    pub segments_freed: AtomicU64,
    /// Bytes rewritten forward to free a segment.
    pub rewritten_bytes: AtomicU64,
    /// Allocations of a segment that failed, most likely for want of space.
    pub allocations_failed: AtomicU64,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            syncs: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            commit_micros: Histogram::new(&COMMIT_MICROS),
            batch_records: Histogram::new(&BATCH_RECORDS),
            segments_allocated: AtomicU64::new(0),
            segments_freed: AtomicU64::new(0),
            rewritten_bytes: AtomicU64::new(0),
            allocations_failed: AtomicU64::new(0),
        }
    }
}

impl Stats {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commit_micros.observe(micros);
    }
}

/// Counts by bucket, not cumulative; the last count is of what exceeds every bound.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            bounds,
            counts,
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        Stats::add(&self.counts[bucket], 1);
        Stats::add(&self.sum, value);
    }

    /// The inclusive upper bounds of all buckets but the last.
    pub fn bounds(&self) -> &'static [u64] {
        self.bounds
    }

    /// How many values fell in each bucket, one more than there are bounds.
    pub fn counts(&self) -> Vec<u64> {
        self.counts
            .iter()
            .map(|c| c.load(Ordering::Relaxed))
            .collect()
    }

    /// The sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}
