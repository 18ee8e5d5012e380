//! The clock of leases: monotonic, and it goes on while the machine sleeps. The only place that reads it.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since the machine started.
pub(super) fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1_000 + nanos / 1_000_000
}
