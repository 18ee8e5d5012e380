//! Durations in buckets that grow by an eighth: cheap to fill, exact enough for percentiles.

use std::time::Duration;

/// Eight buckets for each power of two of nanoseconds.
const BUCKETS: usize = 64 * 8;

/// Counts by duration.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
        }
    }

    pub(super) fn note(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// The upper bound of the bucket that holds this share of the counts.
    pub(super) fn percentile(&self, percent: f64) -> Duration {
        let all: u64 = self.counts.iter().sum();
        let rank = (all as f64 * percent / 100.0).ceil() as u64;
        let mut below = 0;
        let at = self.counts.iter().position(|count| {
            below += count;
            below >= rank.max(1)
        });
        Duration::from_nanos(at.map_or(0, |bucket| bound(bucket + 1)))
    }
}

fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(8);
    let power = value.ilog2() as usize;
    let eighth = (value >> (power - 3)) as usize & 7;
    power * 8 + eighth
}

/// The smallest duration of a bucket.
fn bound(bucket: usize) -> u64 {
    let (power, eighth) = (bucket / 8, bucket as u64 % 8);
    if power >= 64 {
        u64::MAX
    } else {
        (1 << power) + eighth * ((1 << power) / 8)
    }
}

#[test]
fn percentiles_are_within_an_eighth() {
    let mut histogram = Histogram::new();
    for microseconds in 1..=1000 {
        histogram.note(microseconds * 1000);
    }
    for (percent, exact) in [(50.0, 500_000.0), (99.0, 990_000.0)] {
        let found = histogram.percentile(percent).as_nanos() as f64;
        assert!(
            found >= exact && found <= exact * 1.13,
            "{percent}: {found}"
        );
    }
}
