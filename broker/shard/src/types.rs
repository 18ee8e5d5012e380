//! The small values that commands, outcomes and effects are made of.

use std::sync::Arc;

use bytes::Bytes;
use quorate_codec::{QoS, ShareFilter, SubscriptionOptions};

/// A node of the cluster; given by the control log, never reused.
pub type NodeId = u64;
/// One life of a node's process; the control log gives a higher one at each start.
pub type Incarnation = u64;
/// Milliseconds of the shard's own monotone time: the leader's stamps (design 2.1).
pub type Millis = u64;
/// A session's place in the shard's table; unique for ever within the shard.
pub type SessionId = u64;
/// A claim's number, higher with each claim in the shard (P3).
pub type Epoch = u64;
/// A message's place in one session's queue; starts at 1 and never repeats.
pub type Sequence = u64;
/// Index of a shard group.
pub type ShardId = u16;

/// Session expiry that never comes (MQTT 5, 3.1.2.11.2).
pub const EXPIRY_NEVER: u32 = u32::MAX;

/// An application message, kept once per shard however many sessions queue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Topic name, validated by the codec.
    pub topic: Arc<str>,
    /// MQTT 5 properties that travel with the message, in wire form and without those that belong to
    /// one connection or change on the way (alias, subscription ids, expiry); empty when there are none.
    pub properties: Bytes,
    /// Application payload.
    pub payload: Bytes,
    /// QoS it was published at.
    pub qos: QoS,
    /// Retain flag it was published with.
    pub retain: bool,
    /// Message expiry interval in seconds as received; `None` never expires.
    pub expiry_seconds: Option<u32>,
}

/// One durable subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Topic filter, validated by the codec; a shared one with its `$share` prefix.
    pub filter: Arc<str>,
    /// Maximum QoS, no local, retain as published, retain handling.
    pub options: SubscriptionOptions,
    /// MQTT 5 subscription identifier.
    pub identifier: Option<u32>,
}

impl Subscription {
    /// Whether it makes the session a member of a share group.
    pub fn is_shared(&self) -> bool {
        self.filter.starts_with(ShareFilter::PREFIX)
    }
}

/// A will as CONNECT gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// The message to publish.
    pub message: Message,
    /// Will delay interval in seconds (MQTT 5, 3.1.3.2.2).
    pub delay_seconds: u32,
}

/// The connection that owns a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Node that holds the connection.
    pub node: NodeId,
    /// The claim that made it the owner.
    pub epoch: Epoch,
}

/// What makes a publish recognisable when it comes twice (P4, P6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An inbound QoS 2 message of a durable session.
    Inbound {
        /// Shard of the publisher's session.
        shard: ShardId,
        /// The publisher's session.
        session: SessionId,
        /// Number that `InboundStart` gave to the packet id.
        sequence: u64,
    },
    /// The will of one claim.
    Will {
        /// Shard of the session whose will it is.
        shard: ShardId,
        /// The session.
        session: SessionId,
        /// The claim that brought the will.
        epoch: Epoch,
    },
}
