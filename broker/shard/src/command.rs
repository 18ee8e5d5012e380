//! Every change of a shard's state: the closed list of commands a log entry may carry.

use std::sync::Arc;

use quorate_codec::PacketId;

use crate::types::*;

/// What one log entry carries: commands of one node, numbered so that a repeat is recognised.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Node that proposed it.
    pub node: NodeId,
    /// Life of that node; an older one is refused.
    pub incarnation: Incarnation,
    /// Number of the batch within (node, incarnation), from 1 without gaps; 0 marks a batch of the
    /// leader's own (ticks), which is not deduplicated.
    pub sequence: u64,
    /// The leader's stamp.
    pub time: Millis,
    /// The commands in the order they were given.
    pub commands: Vec<Command>,
}

/// One change. Session commands name the epoch of their claim; an older epoch is refused (P3).
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A connection wants the client id.
    Claim(Claim),
    /// A connection gives its session back.
    Release(Release),
    /// All sessions that a dead or restarted node's earlier lives still own are released as lost, and batches
    /// of those lives are refused from now on. A node proposes it for itself at its start.
    ReleaseNode(ReleaseNode),
    /// Durable subscriptions are added or replaced.
    Subscribe(Subscribe),
    /// Durable subscriptions are removed.
    Unsubscribe(Unsubscribe),
    /// A message for every durable session of this shard that subscribes to it when this is applied. All of them
    /// queue it, or none: one full queue refuses it, which is what slows its publisher down.
    Publish(Publish),
    /// Messages for one session only (retained values on subscribe).
    Enqueue(Enqueue),
    /// Deliveries that are complete (PUBACK, PUBCOMP, or a PUBREC with an error).
    Acknowledge(Acknowledge),
    /// QoS 2 deliveries whose PUBREC came; a PUBREL may be sent once this is applied (P1).
    Received(Received),
    /// An inbound QoS 2 packet id is taken; applied in the publisher's shard before the message goes out.
    InboundStart(InboundStart),
    /// PUBREL came: the inbound packet id is free again. Propose it after the `Forget`s of its origin are
    /// committed: a node that dies in between then leaves a packet id that is released later, not a mark that
    /// nobody forgets.
    InboundRelease(InboundRelease),
    /// The marks of a released inbound message or a finished will may be dropped. Goes to every shard that may
    /// hold one; to the origin's own shard last, when the others are committed (see `Shard::forgettable`).
    Forget(Forget),
    /// A topic's retained message is set, or cleared by an empty payload; applied in the topic's shard.
    Retain(Retain),
    /// A will handed out by `Effect::PublishWill` has been published.
    WillDone(WillDone),
    /// A member of a share group is connected somewhere: absent members of this shard give up what they may.
    Reclaim(Reclaim),
}

/// See [`Command::Claim`].
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Client identifier.
    pub client_id: Arc<str>,
    /// Node that holds the connection.
    pub node: NodeId,
    /// Discard what an earlier session left.
    pub clean_start: bool,
    /// Session expiry interval in seconds; 0 ends with the connection, `EXPIRY_NEVER` never.
    pub expiry_seconds: u32,
    /// Deliveries that may be unacknowledged at once (the client's receive maximum, within our limit).
    pub window: u16,
    /// Published when the connection is lost.
    pub will: Option<Will>,
}

/// See [`Command::Release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The session.
    pub session: SessionId,
    /// Claim it was held under.
    pub epoch: Epoch,
    /// Publish the will (connection lost, or DISCONNECT 0x04) or drop it (DISCONNECT 0x00).
    pub fire_will: bool,
    /// New session expiry interval from DISCONNECT.
    pub expiry_seconds: Option<u32>,
}

/// See [`Command::ReleaseNode`].
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseNode {
    /// The node.
    pub node: NodeId,
    /// Claims proposed by lives before this one are released.
    pub before: Incarnation,
}

/// See [`Command::Subscribe`].
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe {
    /// The session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// New or replacing subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// See [`Command::Unsubscribe`].
#[derive(Debug, Clone, PartialEq)]
pub struct Unsubscribe {
    /// The session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// Filters to remove.
    pub filters: Vec<Arc<str>>,
}

/// See [`Command::Publish`].
#[derive(Debug, Clone, PartialEq)]
pub struct Publish {
    /// The message, at QoS 1 or 2.
    pub message: Message,
    /// Client id of the publisher, for *no local*.
    pub publisher: Option<Arc<str>>,
    /// Set when a repeat must be recognised.
    pub origin: Option<Origin>,
    /// Whether it is for plain subscriptions.
    pub plain: bool,
    /// Share groups, one durable member of each of which gets it.
    pub groups: Vec<ShareTurn>,
}

/// Whose turn it is in a share group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareTurn {
    /// The group's shared filter.
    pub group: Arc<str>,
    /// Number of the member, as the publisher's node counts them.
    pub turn: u32,
}

/// See [`Command::Enqueue`].
#[derive(Debug, Clone, PartialEq)]
pub struct Enqueue {
    /// The session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// The messages, with the QoS to deliver them at; delivered with the retain flag set.
    pub messages: Vec<Message>,
    /// Subscription identifiers to deliver them with.
    pub identifier: Option<u32>,
}

/// See [`Command::Acknowledge`].
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledge {
    /// The session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// The completed deliveries, in the order the client completed them.
    pub sequences: Vec<Sequence>,
}

/// See [`Command::Received`].
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// The deliveries whose PUBREC came.
    pub sequences: Vec<Sequence>,
}

/// See [`Command::InboundStart`].
#[derive(Debug, Clone, PartialEq)]
pub struct InboundStart {
    /// The publisher's session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// Packet id of the PUBLISH.
    pub packet_id: PacketId,
}

/// See [`Command::InboundRelease`].
#[derive(Debug, Clone, PartialEq)]
pub struct InboundRelease {
    /// The publisher's session.
    pub session: SessionId,
    /// Claim it is held under.
    pub epoch: Epoch,
    /// Packet id of the PUBREL.
    pub packet_id: PacketId,
}

/// See [`Command::Forget`].
#[derive(Debug, Clone, PartialEq)]
pub struct Forget {
    /// What need not be recognised any more.
    pub origin: Origin,
}

/// See [`Command::Retain`].
#[derive(Debug, Clone, PartialEq)]
pub struct Retain {
    /// The new value; an empty payload clears the topic (MQTT-3.3.1-6).
    pub message: Message,
}

/// See [`Command::WillDone`].
#[derive(Debug, Clone, PartialEq)]
pub struct WillDone {
    /// Session whose will it was.
    pub session: SessionId,
    /// Claim that brought the will.
    pub epoch: Epoch,
}

/// See [`Command::Reclaim`].
#[derive(Debug, Clone, PartialEq)]
pub struct Reclaim {
    /// The group's shared filter.
    pub group: Arc<str>,
}
