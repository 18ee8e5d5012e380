//! Every bound of a shard, with its reason. All replicas of a cluster must use the same values, since
//! they decide outcomes (only the hash seed is each replica's own).

/// Batches of one proposer whose outcomes are kept. A shard client has two in flight and may repeat both
/// after a leader change; two more cover a repeat that overtakes.
pub const PROPOSER_BATCHES_KEPT_MAX: usize = 4;
/// Proposers remembered. A node id is never reused, so this is every node a cluster ever had; beyond it the
/// one that has been silent longest is dropped.
pub const PROPOSERS_MAX: usize = 1_024;
/// Timers that one batch runs. A thousand lost connections at once are ordinary, a million expired entries
/// must not hold the log up; what is left is due at once for the next batch.
pub const TIMERS_PER_BATCH_MAX: usize = 16_384;
/// Span of a session's unacknowledged sequences, so that packet ids of live deliveries never collide.
pub const UNACKNOWLEDGED_SPAN_MAX: u64 = 65_535;
/// What a queue entry is charged beside its message: its slot, and its share of indexes.
pub const ENTRY_OVERHEAD_BYTES: u64 = 96;
/// What a stored message is charged beside its bytes.
pub const MESSAGE_OVERHEAD_BYTES: u64 = 128;
/// What a session is charged beside its client id.
pub const SESSION_OVERHEAD_BYTES: u64 = 256;
/// What a durable subscription is charged beside its filter: twice in maps, once in the trie.
pub const SUBSCRIPTION_OVERHEAD_BYTES: u64 = 256;
/// Members of a share group that are looked at for one message. With so many connected, one of them nearly always has
/// room; a group of thousands must not cost as much for each message.
pub const SHARE_CANDIDATES_MAX: usize = 16;
/// What a taken inbound packet id is charged.
pub const INBOUND_OVERHEAD_BYTES: u64 = 48;

/// Bounds that an operator may want to choose; the defaults suit a node with 2 GiB and four shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a session may have unacknowledged; one message may always go. What a phone on a slow link
    /// has in flight should not hold more of the owner's memory than this.
    pub window_bytes_max: u64,
    /// Entries of one session's queue. A day of one message a second.
    pub queue_messages_max: u64,
    /// Bytes of one session's queue; one absent client must not fill the shard.
    pub queue_bytes_max: u64,
    /// Bytes of all queued messages and entries of the shard; four shards stay below half a 2 GiB node.
    pub message_bytes_max: u64,
    /// Bytes of sessions, wills, durable subscriptions and inbound marks of the shard.
    pub session_bytes_max: u64,
    /// Bytes of retained messages of the shard. A million small ones in four shards fit.
    pub retained_bytes_max: u64,
    /// What becomes of a message for a session whose queue is full.
    pub queue_full: QueueFull,
    /// Subscriptions of one session; matching cost grows with them.
    pub session_subscriptions_max: usize,
    /// Marks of publishes that must be recognised when they come again. They live from a QoS 2 publish to
    /// its PUBREL; beyond this many the oldest goes.
    pub origin_marks_max: usize,
    /// Spreads the hashes of filters, so that strangers cannot choose ones that collide. No outcome depends on
    /// it: each replica takes its own, at random.
    pub hash_seed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window_bytes_max: 1 << 20,
            queue_messages_max: 100_000,
            queue_bytes_max: 64 << 20,
            message_bytes_max: 192 << 20,
            session_bytes_max: 128 << 20,
            retained_bytes_max: 128 << 20,
            queue_full: QueueFull::Reject,
            session_subscriptions_max: 10_000,
            origin_marks_max: 1_000_000,
            hash_seed: 0,
        }
    }
}

/// What becomes of a message for a session whose queue is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum QueueFull {
    /// Nobody gets it, and its publisher is told *Quota exceeded*: nothing that was acknowledged is ever lost, and
    /// publishers are slowed by the slowest session.
    #[default]
    Reject,
    /// The session loses its oldest messages that were not sent yet.
    DropOldest,
    /// The session does not get it.
    DropNewest,
}

/// Mistakes a test switches on to see that the harness notices them. All off in a broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// A new owner does not know what an earlier one had started.
    pub forget_started_mark: bool,
    /// A repeated batch is applied again.
    pub forget_batch_dedup: bool,
    /// A repeated publish of the same origin is queued again.
    pub forget_origin_dedup: bool,
}
