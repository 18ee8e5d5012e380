//! What the leader's dispatcher reads from a session's queue.

use std::sync::Arc;

use quorate_codec::{PacketId, QoS};

use crate::types::{Message, Millis, Sequence};

/// Packet ids of one session: all but zero (MQTT-2.2.1-3).
const PACKET_IDS: u64 = 65_535;

/// One packet to send to a session's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Place in the session's queue; `Acknowledge` and `Received` name it.
    pub sequence: Sequence,
    /// What to send.
    pub packet: DeliveryPacket,
}

/// See [`Delivery::packet`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryPacket {
    /// A PUBLISH.
    Publish(DeliveryPublish),
    /// A PUBREL: the client's PUBREC is committed, its PUBCOMP is not.
    PubRel,
}

/// A PUBLISH of a durable session, at QoS 1 or 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPublish {
    /// Topic, properties and payload; its own `qos` and `retain` are the publisher's, not the delivery's.
    pub message: Arc<Message>,
    /// QoS of this delivery.
    pub qos: QoS,
    /// Retain flag of this delivery.
    pub retain: bool,
    /// Whether an earlier connection of the session may have been sent it (MQTT-3.3.1-1).
    pub dup: bool,
    /// Subscription identifiers, in ascending order (MQTT 5, 3.3.2.3.8).
    pub identifiers: Box<[u32]>,
    /// Shard time at which the message expires; the rest of the interval goes into the packet.
    pub expires_at: Option<Millis>,
}

impl Delivery {
    /// The packet id, the same at every retransmission whoever sends it.
    pub fn packet_id(&self) -> PacketId {
        packet_id(self.sequence)
    }
}

/// The packet id of a queue entry. Entries that are live at the same time never share one, because the
/// span of what is unacknowledged stays below 65 535.
pub fn packet_id(sequence: Sequence) -> PacketId {
    let id = sequence.saturating_sub(1) % PACKET_IDS + 1;
    let id = u16::try_from(id).expect("a remainder of 65 535, plus one, fits 16 bits");
    PacketId::new(id).expect("one was added")
}
