//! Bounds and times of the shard client, with their reasons.

use std::time::Duration;

/// Batches in flight per shard: one is synced while the next one gathers (building-blocks §13: one costs
/// 7 to 30 %, more than two brings nothing).
pub(super) const BATCHES_IN_FLIGHT_MAX: usize = 2;

/// Bytes of a batch; a larger single command goes alone. Larger batches add latency and no throughput.
pub(super) const BATCH_BYTES_MAX: usize = 512 << 10;

/// Commands of a batch: bounds the time one apply holds the shard's lock.
pub(super) const BATCH_COMMANDS_MAX: usize = 4_096;

/// Bytes queued per shard before commands that grow state are refused. At 100 MiB/s this is a third of a
/// second of disk.
pub(super) const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Wait before batches that were not taken are proposed again: a new leader's lease takes this long.
pub(super) const RETRY: Duration = Duration::from_millis(5);

/// The wait grows to this while nobody takes them. A new leader wakes the proposer anyway.
pub(super) const RETRY_MAX: Duration = Duration::from_millis(80);

/// How long a leader on another node may be silent before a batch is sent again, as the first half of
/// what a client notices.
pub(super) const FORWARD_DEADLINE: Duration = Duration::from_secs(2);

/// Batches of other nodes that wait to be proposed here: two of each node of a large cluster. One that finds no
/// room is sent again by its node.
pub(super) const FORWARDED_BATCHES_MAX: usize = 64;

/// Ticks are proposed at most this often, however near the deadlines are: expiry needs no better.
pub(super) const TICK_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What the stamps of a shard may jump at most when its proposer starts, in milliseconds: a day. A clock
/// that was wrong for a moment must not expire everything.
pub(super) const CLOCK_STEP_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
