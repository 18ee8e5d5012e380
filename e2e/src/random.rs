//! A small seeded generator, so that a test that draws can print its seed and be run again.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64; good enough to choose moments and bytes.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the environment variable `QUORATE_SEED`, else by the clock; prints the seed.
    pub fn announced(test: &str) -> Self {
        let given = env::var("QUORATE_SEED")
            .ok()
            .and_then(|text| text.parse().ok());
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| clock.map_or(1, |time| time.as_nanos() as u64));
        println!("{test}: to run it again with the same draws: QUORATE_SEED={seed}");
        Self::new(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// That many random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.bits() as u8).collect()
    }
}
