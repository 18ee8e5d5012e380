//! Plain numbers that one thread writes and a scrape reads: no lock, no read-modify-write on the hot path.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A counter of one writer. A scrape may read it at any time and sees a value it had.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the one thread that owns the counter may call this: it is a load and a store.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds `n` from any thread.
    #[inline]
    pub fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The sum so far.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A value that goes up and down, set by one thread.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces the value.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Buckets of a [`Histogram`] with an upper bound: 1, 2, 4 … 2^24. In microseconds the last is 17 s, in
/// messages or bytes it is above every batch we allow.
pub(super) const BUCKETS: usize = 25;

/// How often values fell between powers of two. Whole numbers in a unit of its owner's choice.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [Counter; BUCKETS],
    above: Counter,
    sum: Counter,
}

impl Histogram {
    /// Counts `value`. Only the one thread that owns the histogram may call this.
    #[inline]
    pub fn record(&self, value: u64) {
        self.bucket(value).add(1);
        self.sum.add(value);
    }

    /// Counts `value` from any thread.
    #[inline]
    pub fn record_shared(&self, value: u64) {
        self.bucket(value).add_shared(1);
        self.sum.add_shared(value);
    }

    /// Counts a duration in microseconds; only by the owning thread.
    #[inline]
    pub fn record_duration(&self, duration: std::time::Duration) {
        self.record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// What has been counted until now.
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            counts: std::array::from_fn(|i| self.counts[i].value()),
            above: self.above.value(),
            sum: self.sum.value(),
        }
    }

    #[inline]
    fn bucket(&self, value: u64) -> &Counter {
        // Bucket k holds what is at most 2^k and more than 2^(k-1).
        let k = (u64::BITS - value.saturating_sub(1).leading_zeros()) as usize;
        self.counts.get(k).unwrap_or(&self.above)
    }
}

/// A histogram at one moment; several add up.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HistogramSnapshot {
    /// Values in each bucket, not cumulated; bucket k ends at 2^k.
    pub counts: [u64; BUCKETS],
    /// Values above the last bucket.
    pub above: u64,
    /// Sum of all values.
    pub sum: u64,
}

impl HistogramSnapshot {
    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.above += other.above;
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_in_the_bucket_that_ends_at_or_above_it() {
        let histogram = Histogram::default();
        for value in [0, 1, 2, 3, 4, 5, 1 << 24, (1 << 24) + 1] {
            histogram.record(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.counts[..4], [2, 1, 2, 1]);
        assert_eq!((snapshot.counts[24], snapshot.above), (1, 1));
    }
}
