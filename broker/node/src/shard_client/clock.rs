//! The stamps of a shard: milliseconds that never go back, whatever the wall clock does. Wall time is
//! looked at once, when the stamps begin; from then on only the monotonic clock counts.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quorate_shard::Millis;

use super::limits::CLOCK_STEP_MS_MAX;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    base: Millis,
    started: Instant,
}

impl Clock {
    /// Goes on from the shard's time, or a bounded step later when that is what the wall clock says.
    pub(crate) fn start(shard_time: Millis) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let wall = wall.unwrap_or(Duration::ZERO).as_millis();
        Self {
            base: base(shard_time, Millis::try_from(wall).unwrap_or(0)),
            started: Instant::now(),
        }
    }

    /// Now.
    pub(crate) fn now(&self) -> Millis {
        let passed = self.started.elapsed().as_millis();
        self.base
            .saturating_add(Millis::try_from(passed).unwrap_or(Millis::MAX))
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
    use super::{CLOCK_STEP_MS_MAX, base};

    #[test]
    fn never_goes_back_and_steps_are_bounded() {
        assert_eq!(base(0, 5_000), 5_000);
        assert_eq!(base(9_000, 5_000), 9_000);
        assert_eq!(base(9_000, 9_500), 9_500);
        assert_eq!(base(9_000, u64::MAX), 9_000 + CLOCK_STEP_MS_MAX);
    }
}
