//! The stamps of a shard: milliseconds that never go back, whatever the wall clock does. Wall time is
//! looked at once in a life; from then on only the monotonic clock counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quorate_shard::Millis;

use super::limits::CLOCK_STEP_MS_MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The wall clock at `started`.
    wall: Millis,
    started: Instant,
    /// What the stamps count from: their value at `started`.
    base: AtomicU64,
}

impl Clock {
    /// Goes on from the shard's time, or a bounded step later when that is what the wall clock says.
    pub(crate) fn start(shard_time: Millis) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = wall.unwrap_or(Duration::ZERO).as_millis();
        let wall = Millis::try_from(wall).unwrap_or(0);
        Self {
            wall,
            started: Instant::now(),
            base: AtomicU64::new(base(shard_time, wall)),
        }
    }

    /// This node leads from now on: its stamps go on from where the shard's time has come to.
    pub(crate) fn lead(&self, shard_time: Millis) {
        let passed = self.passed();
        let now = base(shard_time, self.wall.saturating_add(passed));
        self.base.store(now.saturating_sub(passed), Relaxed);
    }

    /// Now.
    pub(crate) fn now(&self) -> Millis {
        self.base.load(Relaxed).saturating_add(self.passed())
    }

    fn passed(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// A shard without time takes any; its first stamp sets the era.
fn base(shard_time: Millis, wall: Millis) -> Millis {
    if shard_time == 0 {
        return wall;
    }
    wall.clamp(shard_time, shard_time.saturating_add(CLOCK_STEP_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::{CLOCK_STEP_MS_MAX, Clock, base};

    #[test]
    fn never_goes_back_and_steps_are_bounded() {
        assert_eq!(base(0, 5_000), 5_000);
        assert_eq!(base(9_000, 5_000), 9_000);
        assert_eq!(base(9_000, 9_500), 9_500);
        assert_eq!(base(9_000, u64::MAX), 9_000 + CLOCK_STEP_MS_MAX);
    }

    #[test]
    fn a_new_leader_goes_on_from_the_shards_time() {
        let clock = Clock::start(0);
        let ahead = clock.now() + 3_600_000;
        clock.lead(ahead);
        assert!((ahead..ahead + 60_000).contains(&clock.now()));
        clock.lead(1);
        assert!(clock.now() <= 1 + CLOCK_STEP_MS_MAX + 60_000);
    }
}
