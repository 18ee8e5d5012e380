//! SUBACK (3.9).

use crate::error::{DecodeError, EncodeError};
use crate::packet::{PacketKind, ReasonCodes};
use crate::property::ReasonProperties;
use crate::reader::Reader;
use crate::types::{PacketId, Version};
use crate::writer::put_u16;

/// Answer to SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubAck<'a> {
    /// Packet id of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// One per subscription, in order; before MQTT 5 every error is `UnspecifiedError`.
    pub reasons: ReasonCodes<'a>,
    /// Properties; none before MQTT 5.
    pub properties: ReasonProperties<'a>,
}

impl<'a> SubAck<'a> {
    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = if version.is_v5() {
            ReasonProperties::read(&mut reader)?
        } else {
            let foreign = reader.rest().iter().find(|&&b| b > 2 && b != 0x80);
            if let Some(&byte) = foreign {
                return Err(DecodeError::ReasonCode(byte));
            }
            ReasonProperties::NONE
        };
        Ok(Self {
            packet_id,
            reasons: ReasonCodes::read(PacketKind::SubAck, reader)?,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.write(out)?;
            out.extend(self.reasons.iter().map(|code| code as u8));
        } else {
            out.extend(self.reasons.iter().map(|code| code.suback_v311()));
        }
        Ok(())
    }
}
