//! DISCONNECT (3.14).

use crate::error::{DecodeError, EncodeError};
use crate::packet::PacketKind;
use crate::property::{PropertyFields, UserProperties, id, put_string_property, put_u32_property};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::types::Version;
use crate::writer::put_counted;

/// The last packet of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disconnect<'a> {
    /// Why; always `NORMAL_DISCONNECTION` before MQTT 5.
    pub reason: ReasonCode,
    /// Properties; none before MQTT 5.
    pub properties: DisconnectProperties<'a>,
}

/// Properties of DISCONNECT (3.14.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DisconnectProperties<'a> {
    /// New session expiry interval; from clients only, and not above 0 if CONNECT's was 0.
    pub session_expiry_seconds: Option<u32>,
    /// For people who read logs.
    pub reason_string: Option<&'a str>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl DisconnectProperties<'_> {
    /// No properties.
    pub const NONE: Self = Self {
        session_expiry_seconds: None,
        reason_string: None,
        server_reference: None,
        user_properties: UserProperties::NONE,
    };
}

impl<'a> Disconnect<'a> {
    /// A reason without words.
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            properties: DisconnectProperties::NONE,
        }
    }

    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Ok(Self::new(ReasonCode::NORMAL_DISCONNECTION));
        }
        if !version.is_v5() {
            return Err(DecodeError::TrailingBytes);
        }
        let reason = ReasonCode::read(PacketKind::Disconnect, &mut reader)?;
        // Properties may be left out with their length (3.14.2.2.1).
        let properties = if reader.is_empty() {
            DisconnectProperties::NONE
        } else {
            DisconnectProperties::read(&mut reader)?
        };
        reader.finish()?;
        Ok(Self { reason, properties })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let plain = self.properties == DisconnectProperties::NONE;
        if !version.is_v5() || plain && self.reason == ReasonCode::NORMAL_DISCONNECTION {
            return Ok(());
        }
        out.push(self.reason as u8);
        if plain {
            return Ok(());
        }
        self.properties.write(out)
    }
}

impl<'a> DisconnectProperties<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[
            id::SESSION_EXPIRY_INTERVAL,
            id::REASON_STRING,
            id::SERVER_REFERENCE,
            id::USER_PROPERTY,
        ]);
        let fields = PropertyFields::read(reader, ALLOWED)?;
        Ok(Self {
            session_expiry_seconds: fields.session_expiry_seconds,
            reason_string: fields.reason_string,
            server_reference: fields.server_reference,
            user_properties: fields.user_properties,
        })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_counted(out, |out| {
            if let Some(seconds) = self.session_expiry_seconds {
                put_u32_property(out, id::SESSION_EXPIRY_INTERVAL, seconds);
            }
            put_string_property(out, id::REASON_STRING, self.reason_string)?;
            put_string_property(out, id::SERVER_REFERENCE, self.server_reference)?;
            self.user_properties.write(out)
        })
    }
}
