//! Sums for metrics, kept up to date so that reading them costs nothing.

/// What a shard holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Sessions, clean ones included.
    pub sessions: u64,
    /// Sessions that keep state in the shard.
    pub durable_sessions: u64,
    /// Durable subscriptions.
    pub subscriptions: u64,
    /// What sessions, wills, subscriptions and inbound packet ids are charged, in bytes.
    pub session_bytes: u64,
    /// Queue entries of all sessions.
    pub queued_messages: u64,
    /// Bytes of queued messages and entries; a message counts once.
    pub queued_bytes: u64,
    /// Retained messages.
    pub retained_messages: u64,
    /// Bytes of retained messages.
    pub retained_bytes: u64,
    /// Wills that are due and not yet reported as published.
    pub pending_wills: u64,
    /// Messages that full queues lost, since this replica began or took a snapshot.
    pub dropped_messages: u64,
    /// Publishes that would be recognised if they came again.
    pub origin_marks: u64,
}
