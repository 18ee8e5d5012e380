//! Every bound of the log, with its reason. Those an owner may change are defaults of [`Options`](crate::Options).

/// Size of a segment file. Large enough that rotation (three syncs) is rare, small enough that the two files of a new
/// log are affordable.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// A smaller segment would hold hardly more than its head.
pub const SEGMENT_BYTES_MIN: u64 = 4 << 10;
/// Offsets are kept in 32 bits.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 31;
/// Free segments kept for reuse; more are removed. Reuse saves the allocation, disk space is worth more than the third.
pub const SPARE_SEGMENTS_MAX: usize = 2;
/// Recent entries kept in memory per group: what followers that keep up ask for (building-blocks §13: a ring bounded by
/// count cost half of all CPU).
pub const RING_BYTES_MAX: usize = 4 << 20;
/// Bytes submitted and not yet written; whoever submits more waits for the writer. About one slow sync of a busy node.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;
/// Live bytes of an old segment that are rewritten forward rather than left to pin it.
pub const REWRITE_BYTES_MAX: u64 = 1 << 20;
/// Live bytes are rewritten only when they are at most this part of their segment: bounds the extra writing to an eighth.
pub const REWRITE_SHARE: u64 = 8;
/// Bytes rewritten in one go, while submitters wait for the lock.
pub const REWRITE_STEP_BYTES_MAX: usize = 256 << 10;
/// Bytes of a new segment zeroed and synced in one go, between two commits: some milliseconds of a slow disk.
pub const ALLOCATION_STEP_BYTES_MAX: usize = 1 << 20;
/// Room that entries leave to votes, truncations, purges and the log's own records, so that a full disk can be emptied.
pub const RESERVE_BYTES_MAX: u64 = 256 << 10;
/// A small value (a vote, a committed point) is small.
pub const VALUE_BYTES_MAX: usize = 1 << 10;
/// Groups of one log; a node has five.
pub const GROUPS_MAX: usize = 4096;
/// Times a read that met a segment being reused looks its entries up again.
pub const READ_RETRIES_MAX: usize = 8;
