//! Packets to bytes, appended to the caller's output buffer. Must not keep state or buffers of its own.
//!
//! Strings that come in (topics, client ids) are taken as they are: only what the wire cannot hold is refused.

use std::num::NonZeroU16;

use crate::error::EncodeError;
use crate::limits::{REMAINING_BYTES_MAX, SUBSCRIPTION_ID_MAX};
use crate::packet::{AckKind, Packet, PacketKind};
use crate::property::id;
use crate::reason::ReasonCode;
use crate::types::{PacketId, QoS, Version};
use crate::writer::{put_counted, put_u16, put_u32, put_variable, variable_len};

/// Appends one packet; at an error nothing is appended. A CONNECT is encoded in the version it names.
/// How long it became, for a client's maximum packet size, is the difference in `out.len()`.
pub fn encode(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let result = encode_kind(packet, version, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn encode_kind(
    packet: &Packet<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if let Packet::Publish(publish) = packet {
        return publish.encode(version, out);
    }
    out.push(packet.kind().first_byte());
    put_counted(out, |out| match packet {
        Packet::Connect(connect) => connect.encode(out),
        Packet::ConnAck(connack) => connack.encode(version, out),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            ack.encode(version, out)
        }
        Packet::Subscribe(subscribe) => subscribe.encode(version, out),
        Packet::SubAck(suback) => suback.encode(version, out),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.encode(version, out),
        Packet::UnsubAck(unsuback) => unsuback.encode(version, out),
        Packet::Disconnect(disconnect) => disconnect.encode(version, out),
        Packet::Auth(auth) => auth.encode(version, out),
        // A PUBLISH has been written whole above.
        Packet::PingReq | Packet::PingResp | Packet::Publish(_) => Ok(()),
    })
}

/// What differs from one receiver of a message to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishHead<'a> {
    /// It may have been sent before.
    pub dup: bool,
    /// Quality of service of this delivery.
    pub qos: QoS,
    /// Retain flag of this delivery.
    pub retain: bool,
    /// Above QoS 0, and only there.
    pub packet_id: Option<PacketId>,
    /// Seconds of message expiry that are left (MQTT-3.3.2-6).
    pub expiry_seconds: Option<u32>,
    /// Identifiers of the subscriptions that match.
    pub subscription_ids: &'a [u32],
    /// Topic alias; with an empty topic in the body it stands for the topic.
    pub topic_alias: Option<NonZeroU16>,
}

impl PublishHead<'_> {
    /// A first delivery without retain flag, expiry, identifiers or alias.
    #[inline]
    pub const fn new(qos: QoS, packet_id: Option<PacketId>) -> Self {
        Self {
            dup: false,
            qos,
            retain: false,
            packet_id,
            expiry_seconds: None,
            subscription_ids: &[],
            topic_alias: None,
        }
    }

    #[inline]
    fn first_byte(&self) -> u8 {
        PacketKind::Publish.first_byte()
            | u8::from(self.dup) << 3
            | (self.qos as u8) << 1
            | u8::from(self.retain)
    }

    /// Bytes of the properties that stand in the head.
    #[inline]
    fn property_bytes(&self) -> usize {
        let expiry = if self.expiry_seconds.is_some() { 5 } else { 0 };
        let alias = if self.topic_alias.is_some() { 3 } else { 0 };
        let ids = self.subscription_ids.iter();
        expiry + alias + ids.map(|&id| 1 + variable_len(id as usize)).sum::<usize>()
    }
}

/// What is the same for all receivers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishBody<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Properties that travel with the message, in wire form without length
    /// ([`crate::MessageProperties::append_to`]); left out before MQTT 5.
    pub properties: &'a [u8],
    /// Application payload.
    pub payload: &'a [u8],
}

/// Lengths of a PUBLISH before it is written.
struct PublishLayout {
    property_bytes: usize,
    remaining_bytes: usize,
}

impl PublishLayout {
    #[inline]
    fn of(head: &PublishHead<'_>, body: &PublishBody<'_>, version: Version) -> Self {
        let mut property_bytes = 0;
        let mut remaining_bytes = 2 + body.topic.len() + body.payload.len();
        if head.packet_id.is_some() {
            remaining_bytes += 2;
        }
        if version.is_v5() {
            property_bytes = head.property_bytes() + body.properties.len();
            remaining_bytes += variable_len(property_bytes) + property_bytes;
        }
        Self {
            property_bytes,
            remaining_bytes,
        }
    }

    #[inline]
    fn packet_bytes(&self) -> usize {
        1 + variable_len(self.remaining_bytes) + self.remaining_bytes
    }
}

/// Bytes that [`encode_publish`] appends: what a client's maximum packet size is compared with.
#[inline]
pub fn publish_len(head: &PublishHead<'_>, body: &PublishBody<'_>, version: Version) -> usize {
    PublishLayout::of(head, body, version).packet_bytes()
}

/// Appends a PUBLISH; at an error nothing is appended. One reservation, then copies.
#[inline]
pub fn encode_publish(
    head: &PublishHead<'_>,
    body: &PublishBody<'_>,
    version: Version,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let layout = PublishLayout::of(head, body, version);
    if layout.remaining_bytes > REMAINING_BYTES_MAX {
        return Err(EncodeError::PacketTooLong);
    }
    if head.packet_id.is_some() != (head.qos != QoS::AtMostOnce) {
        return Err(EncodeError::PacketId);
    }
    if head
        .subscription_ids
        .iter()
        .any(|&id| id == 0 || id > SUBSCRIPTION_ID_MAX)
    {
        return Err(EncodeError::SubscriptionId);
    }
    let Ok(topic_bytes) = u16::try_from(body.topic.len()) else {
        return Err(EncodeError::FieldTooLong {
            field_bytes: body.topic.len(),
        });
    };
    out.reserve(layout.packet_bytes());
    out.push(head.first_byte());
    put_variable(out, layout.remaining_bytes);
    put_u16(out, topic_bytes);
    out.extend_from_slice(body.topic.as_bytes());
    if let Some(packet_id) = head.packet_id {
        put_u16(out, packet_id.get());
    }
    if version.is_v5() {
        put_variable(out, layout.property_bytes);
        put_head_properties(head, out);
        out.extend_from_slice(body.properties);
    }
    out.extend_from_slice(body.payload);
    Ok(())
}

#[inline]
fn put_head_properties(head: &PublishHead<'_>, out: &mut Vec<u8>) {
    if let Some(seconds) = head.expiry_seconds {
        out.push(id::MESSAGE_EXPIRY_INTERVAL);
        put_u32(out, seconds);
    }
    if let Some(alias) = head.topic_alias {
        out.push(id::TOPIC_ALIAS);
        put_u16(out, alias.get());
    }
    for &value in head.subscription_ids {
        out.push(id::SUBSCRIPTION_IDENTIFIER);
        put_variable(out, value as usize);
    }
}

/// Appends PUBACK, PUBREC, PUBREL or PUBCOMP that says success; the same four bytes in every version.
#[inline]
pub fn encode_ack(kind: AckKind, packet_id: PacketId, out: &mut Vec<u8>) {
    let [high, low] = packet_id.get().to_be_bytes();
    out.extend_from_slice(&[kind.packet_kind().first_byte(), 2, high, low]);
}

/// The same with a reason code, which only MQTT 5 can carry.
#[inline]
pub fn encode_ack_with_reason(
    kind: AckKind,
    packet_id: PacketId,
    reason: ReasonCode,
    version: Version,
    out: &mut Vec<u8>,
) {
    if reason == ReasonCode::Success || !version.is_v5() {
        return encode_ack(kind, packet_id, out);
    }
    let [high, low] = packet_id.get().to_be_bytes();
    let first = kind.packet_kind().first_byte();
    out.extend_from_slice(&[first, 3, high, low, reason as u8]);
}

/// Appends PINGREQ.
#[inline]
pub fn encode_pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[PacketKind::PingReq.first_byte(), 0]);
}

/// Appends PINGRESP.
#[inline]
pub fn encode_pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[PacketKind::PingResp.first_byte(), 0]);
}
