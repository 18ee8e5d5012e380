//! PUBACK, PUBREC, PUBREL and PUBCOMP (3.4 to 3.7): four packets of one shape.

use crate::error::{DecodeError, EncodeError};
use crate::packet::PacketKind;
use crate::property::ReasonProperties;
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::types::{PacketId, Version};
use crate::writer::put_u16;

/// Which of the four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckKind {
    /// PUBACK.
    PubAck,
    /// PUBREC.
    PubRec,
    /// PUBREL.
    PubRel,
    /// PUBCOMP.
    PubComp,
}

impl AckKind {
    /// The same as a packet type.
    #[inline]
    pub const fn packet_kind(self) -> PacketKind {
        match self {
            Self::PubAck => PacketKind::PubAck,
            Self::PubRec => PacketKind::PubRec,
            Self::PubRel => PacketKind::PubRel,
            Self::PubComp => PacketKind::PubComp,
        }
    }
}

/// A step of a QoS 1 or 2 handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement<'a> {
    /// Packet id of the PUBLISH.
    pub packet_id: PacketId,
    /// How it went; always `Success` before MQTT 5.
    pub reason: ReasonCode,
    /// Properties; none before MQTT 5.
    pub properties: ReasonProperties<'a>,
}

impl<'a> Acknowledgement<'a> {
    /// All went well.
    pub const fn success(packet_id: PacketId) -> Self {
        Self::new(packet_id, ReasonCode::Success)
    }

    /// A reason without words.
    pub const fn new(packet_id: PacketId, reason: ReasonCode) -> Self {
        Self {
            packet_id,
            reason,
            properties: ReasonProperties::NONE,
        }
    }

    #[inline]
    pub(crate) fn decode(
        kind: PacketKind,
        mut reader: Reader<'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        if reader.is_empty() {
            return Ok(Self::success(packet_id));
        }
        if !version.is_v5() {
            return Err(DecodeError::TrailingBytes);
        }
        let reason = ReasonCode::read(kind, &mut reader)?;
        // Properties may be left out with their length (3.4.2.2.1).
        let properties = if reader.is_empty() {
            ReasonProperties::NONE
        } else {
            ReasonProperties::read(&mut reader)?
        };
        reader.finish()?;
        Ok(Self {
            packet_id,
            reason,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_u16(out, self.packet_id.get());
        let plain = self.properties.is_empty();
        if !version.is_v5() || plain && self.reason == ReasonCode::Success {
            return Ok(());
        }
        out.push(self.reason as u8);
        if plain {
            return Ok(());
        }
        self.properties.write(out)
    }
}
