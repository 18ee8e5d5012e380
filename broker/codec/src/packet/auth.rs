//! AUTH (3.15), a step of enhanced authentication. MQTT 5 only.

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::packet::PacketKind;
use crate::property::{
    PropertyFields, UserProperties, id, put_binary_property, put_string_property,
};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::types::Version;
use crate::writer::put_counted;

/// A step of enhanced authentication.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Auth<'a> {
    /// `Success`, `ContinueAuthentication` or `ReAuthenticate`.
    pub reason: ReasonCode,
    /// Name of the method; as in CONNECT.
    pub authentication_method: Option<&'a str>,
    /// What the method says; a secret as far as we know.
    pub authentication_data: Option<&'a [u8]>,
    /// For people who read logs.
    pub reason_string: Option<&'a str>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Auth<'a> {
    /// A reason and nothing else.
    pub const fn new(reason: ReasonCode) -> Self {
        Self {
            reason,
            authentication_method: None,
            authentication_data: None,
            reason_string: None,
            user_properties: UserProperties::NONE,
        }
    }

    pub(crate) fn decode(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[
            id::AUTHENTICATION_METHOD,
            id::AUTHENTICATION_DATA,
            id::REASON_STRING,
            id::USER_PROPERTY,
        ]);
        // Reason and properties may be left out together (3.15.2.1).
        if reader.is_empty() {
            return Ok(Self::new(ReasonCode::Success));
        }
        let reason = ReasonCode::read(PacketKind::Auth, &mut reader)?;
        let fields = PropertyFields::read(&mut reader, ALLOWED)?;
        reader.finish()?;
        Ok(Self {
            reason,
            authentication_method: fields.authentication_method,
            authentication_data: fields.authentication_data,
            reason_string: fields.reason_string,
            user_properties: fields.user_properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if !version.is_v5() {
            return Err(EncodeError::NotInVersion);
        }
        if *self == Self::new(ReasonCode::Success) {
            return Ok(());
        }
        out.push(self.reason as u8);
        put_counted(out, |out| {
            put_string_property(out, id::AUTHENTICATION_METHOD, self.authentication_method)?;
            put_binary_property(out, id::AUTHENTICATION_DATA, self.authentication_data)?;
            put_string_property(out, id::REASON_STRING, self.reason_string)?;
            self.user_properties.write(out)
        })
    }
}

impl fmt::Debug for Auth<'_> {
    /// Without the data: secrets never reach logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("reason", &self.reason)
            .field("authentication_method", &self.authentication_method)
            .field("reason_string", &self.reason_string)
            .field("user_properties", &self.user_properties)
            .finish_non_exhaustive()
    }
}
