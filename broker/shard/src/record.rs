//! What a snapshot is made of: domain values, in one canonical order. Encoding them is the node's business.

use std::sync::Arc;

use quorate_codec::{PacketId, QoS};

use crate::outcome::Outcome;
use crate::types::*;

/// One piece of a snapshot. The order is that of the variants; a session's subscriptions, inbound ids and
/// entries follow their session.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// First record.
    Header(HeaderRecord),
    /// What is known of one proposer.
    Proposer(ProposerRecord),
    /// A queued message.
    Message(MessageRecord),
    /// A session. Boxed: it is much larger than what comes in large numbers.
    Session(Box<SessionRecord>),
    /// A durable subscription of the session before it.
    Subscription(Subscription),
    /// A taken inbound packet id of the session before it.
    Inbound {
        /// The packet id.
        packet_id: PacketId,
        /// Number that stands for it.
        sequence: u64,
    },
    /// A queue entry of the session before it.
    Entry(EntryRecord),
    /// A will that is due and not yet reported as published.
    PendingWill(PendingWill),
    /// A publish that must be recognised when it comes again; oldest first.
    Mark(Origin),
    /// An origin that all shards still have to be told to forget.
    Forgettable(Origin),
    /// A retained message.
    Retained(Retained),
    /// Last record.
    End {
        /// Number of records before it.
        records: u64,
    },
}

/// See [`Record::Header`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRecord {
    /// Whose snapshot it is.
    pub shard: ShardId,
    /// Index of the last batch that is in it.
    pub applied: u64,
    /// Shard time.
    pub time: Millis,
    /// Last session id given.
    pub session_last: SessionId,
    /// Last epoch given.
    pub epoch_last: Epoch,
    /// Last message id given.
    pub message_last: u64,
}

/// See [`Record::Proposer`].
#[derive(Debug, Clone, PartialEq)]
pub struct ProposerRecord {
    /// The node.
    pub node: NodeId,
    /// Lowest incarnation that is accepted.
    pub incarnation: Incarnation,
    /// Index of its last batch.
    pub applied: u64,
    /// Number of its last batch in this incarnation; 0 before the first.
    pub sequence: u64,
    /// Outcomes of its last batches, oldest first; the last one belongs to `sequence`.
    pub outcomes: Vec<Arc<[Outcome]>>,
}

/// See [`Record::Message`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Number that entries name.
    pub id: u64,
    /// The message.
    pub message: Arc<Message>,
}

/// See [`Record::Session`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub session: SessionId,
    /// Client identifier.
    pub client_id: Arc<str>,
    /// The connection that holds it.
    pub claimant: Option<Claimant>,
    /// Session expiry interval in seconds.
    pub expiry_seconds: u32,
    /// Will of the connection that holds it.
    pub will: Option<Will>,
    /// What a durable session keeps.
    pub durable: Option<DurableRecord>,
}

/// The connection that holds a session, and the life of the node it was claimed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimant {
    /// Node and epoch.
    pub owner: Owner,
    /// Life of the node that proposed the claim.
    pub incarnation: Incarnation,
}

/// See [`SessionRecord::durable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurableRecord {
    /// When the session ends, if nobody holds it and it ends at all.
    pub ends_at: Option<Millis>,
    /// A will that waits for its delay.
    pub delayed_will: Option<DelayedWill>,
    /// Last inbound number given.
    pub inbound_last: u64,
    /// Deliveries that may be unacknowledged at once.
    pub window: u16,
    /// Last sequence given.
    pub sequence_last: Sequence,
    /// Last sequence that may have been sent.
    pub started: Sequence,
    /// The value of `started` when the present or last owner claimed the session.
    pub started_before: Sequence,
}

/// A will whose connection is lost and whose delay runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelayedWill {
    /// The claim that brought it.
    pub epoch: Epoch,
    /// When it is due.
    pub due: Millis,
    /// What to publish.
    pub message: Message,
}

/// See [`Record::Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRecord {
    /// Place in the queue.
    pub sequence: Sequence,
    /// Number of the message.
    pub message: u64,
    /// QoS of the delivery.
    pub qos: QoS,
    /// Retain flag of the delivery.
    pub retain: bool,
    /// Whether the PUBREC is committed.
    pub received: bool,
    /// Subscription identifiers, ascending.
    pub identifiers: Box<[u32]>,
    /// When the message expires.
    pub expires_at: Option<Millis>,
    /// The share group it is lent by.
    pub group: Option<Arc<str>>,
}

/// A will that is due, or a message that a share group lends again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingWill {
    /// The session.
    pub session: SessionId,
    /// The claim that brought it, or a number of its own.
    pub epoch: Epoch,
    /// Client id, for *no local*.
    pub client_id: Arc<str>,
    /// What to publish.
    pub message: Message,
    /// The share group whose members it is for; a will has none.
    pub group: Option<Arc<str>>,
}

/// A retained message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The message.
    pub message: Arc<Message>,
    /// Shard time at which it expires.
    pub expires_at: Option<Millis>,
}

/// Why a snapshot was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It is another shard's.
    #[error("the snapshot is of shard {found}, not {expected}")]
    OtherShard {
        /// The shard it was to be for.
        expected: ShardId,
        /// The shard it is of.
        found: ShardId,
    },
    /// Its end is missing, or its number of records is wrong.
    #[error("the snapshot ends after {records} records")]
    Incomplete {
        /// Records read.
        records: u64,
    },
    /// A record does not fit those before it.
    #[error("record {record} of the snapshot does not fit: {reason}")]
    Misplaced {
        /// Its number, from 0.
        record: u64,
        /// What is wrong.
        reason: &'static str,
    },
}
