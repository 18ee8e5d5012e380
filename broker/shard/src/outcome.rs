//! What a command came to, told to the node that proposed it.

use quorate_codec::PacketId;

use crate::types::*;

/// The result of one command, in the order of the batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Done; nothing to tell.
    Done,
    /// The claim holds. Boxed, so that the outcome of a publish stays small.
    Claimed(Box<Claimed>),
    /// Subscriptions are in force; for each one, whether the filter was subscribed before (retain handling 1).
    Subscribed(Vec<bool>),
    /// Filters are gone; for each one, whether it was there.
    Unsubscribed(Vec<bool>),
    /// The message is queued for this many sessions (a recognised repeat counts 0).
    Published(u32),
    /// The packet id's inbound sequence; `fresh` is false for a packet id that was already taken.
    InboundStarted {
        /// Number that stands for the packet id until it is released.
        sequence: u64,
        /// Whether this command took the packet id.
        fresh: bool,
    },
    /// The inbound packet id is released; the sequence it had, if it was known.
    InboundReleased(Option<u64>),
    /// The command named an epoch that is not the owner's any more, a session that has ended, or one
    /// that keeps nothing in the shard.
    Stale,
    /// A bound of the session or the shard would be passed; nothing was changed.
    QuotaExceeded,
}

/// See [`Outcome::Claimed`].
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The session's id within the shard.
    pub session: SessionId,
    /// Epoch to name in every later command.
    pub epoch: Epoch,
    /// Whether state of an earlier session is kept (CONNACK's session present).
    pub present: bool,
    /// Whether the session's queue lives in the shard (false: it ends with the connection).
    pub durable: bool,
    /// The connection that held the client id until now and must be closed before CONNACK.
    pub previous: Option<Owner>,
    /// Subscriptions kept from before.
    pub subscriptions: Vec<Subscription>,
    /// Inbound QoS 2 packet ids that are taken, with their sequences.
    pub inbound: Vec<(PacketId, u64)>,
}
