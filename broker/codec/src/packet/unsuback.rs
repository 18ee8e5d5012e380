//! UNSUBACK (3.11).

use crate::error::{DecodeError, EncodeError};
use crate::packet::{PacketKind, ReasonCodes};
use crate::property::ReasonProperties;
use crate::reader::Reader;
use crate::types::{PacketId, Version};
use crate::writer::put_u16;

/// Answer to UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsubAck<'a> {
    /// Packet id of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// One per filter, in order; empty before MQTT 5.
    pub reasons: ReasonCodes<'a>,
    /// Properties; none before MQTT 5.
    pub properties: ReasonProperties<'a>,
}

impl<'a> UnsubAck<'a> {
    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let (properties, reasons) = if version.is_v5() {
            let properties = ReasonProperties::read(&mut reader)?;
            (properties, ReasonCodes::read(PacketKind::UnsubAck, reader)?)
        } else {
            reader.finish()?;
            (ReasonProperties::NONE, ReasonCodes::new(&[]))
        };
        Ok(Self {
            packet_id,
            reasons,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.write(out)?;
            out.extend(self.reasons.iter().map(|code| code as u8));
        }
        Ok(())
    }
}
