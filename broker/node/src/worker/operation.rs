//! What waits for somebody else's answer: one entry per ticket.

use std::sync::Arc;

use quorate_codec::{PacketId, ReasonCode};
use quorate_router::ConnectionId;
use quorate_session::Ticket;
use quorate_shard::{Message, Sequence, SessionId, ShardId};

use super::outbox::Wanted;
use super::publish::Waiter;

/// See the module. Bounded by what sessions may have open: PUBLISHes by the receive maximum, subscribe
/// operations and deliveries by their own limits.
#[derive(Debug)]
pub(super) enum Operation {
    /// Parts of a publish that shards have to apply.
    Publish {
        waiter: Waiter,
        /// Outcomes that are missing.
        parts: u16,
        /// The worst so far.
        reason: ReasonCode,
        /// Worker time at which it was read, in microseconds.
        since: u64,
    },
    /// A QoS 2 packet id of a durable session is being committed.
    InboundStart(Box<InboundPublish>),
    /// Shards are told to forget a QoS 2 message whose PUBREL came.
    ForgetInbound {
        id: ConnectionId,
        packet_id: PacketId,
        /// Outcomes that are missing.
        parts: u16,
    },
    /// A QoS 2 packet id is being given back.
    InboundRelease {
        id: ConnectionId,
        packet_id: PacketId,
    },
    /// PUBRECs of a durable session are being committed.
    Received {
        id: ConnectionId,
        sequences: Vec<Sequence>,
    },
    /// A SUBSCRIBE on its way.
    Subscribe(Box<Subscribing>),
    /// An UNSUBSCRIBE on its way.
    Unsubscribe(Box<Unsubscribing>),
    /// A read of retained messages.
    Retained(Box<Retaining>),
}

/// A QoS 2 PUBLISH of a durable session, kept until its packet id is committed.
#[derive(Debug)]
pub(super) struct InboundPublish {
    pub(super) id: ConnectionId,
    pub(super) ticket: Ticket,
    /// Whose it is, should the connection be gone by then.
    pub(super) shard: ShardId,
    pub(super) session: SessionId,
    pub(super) client_id: Arc<str>,
    pub(super) message: Message,
}

/// A SUBSCRIBE between its packet and its SUBACK.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) id: ConnectionId,
    pub(super) packet_id: PacketId,
    /// What the session keeps free for it.
    pub(super) reserved: u32,
    /// Filters put in force, in order.
    pub(super) wanted: Vec<Wanted>,
    /// For each of them, whether it was subscribed before.
    pub(super) existed: Vec<bool>,
    /// What SUBACK says, one per filter of the packet.
    pub(super) reasons: Vec<ReasonCode>,
}

/// An UNSUBSCRIBE between its packet and its UNSUBACK.
#[derive(Debug)]
pub(super) struct Unsubscribing {
    pub(super) id: ConnectionId,
    pub(super) packet_id: PacketId,
    pub(super) filters: Vec<Arc<str>>,
    /// What UNSUBACK says, one per filter of the packet.
    pub(super) reasons: Vec<ReasonCode>,
}

/// A read of retained messages for a new subscription.
#[derive(Debug)]
pub(super) struct Retaining {
    pub(super) id: ConnectionId,
    pub(super) wanted: Vec<Wanted>,
    /// SUBACK that waits for it, in a durable session.
    pub(super) then: Option<Box<Subscribing>>,
    /// Commands that still have to be applied.
    pub(super) parts: u16,
}
