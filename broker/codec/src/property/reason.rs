//! What an answer may add to its reason code: a sentence and user properties.
//! Must not decide whether the peer wants them (request problem information is the session's).

use super::{PropertyFields, UserProperties, id, put_string_property};
use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::writer::put_counted;

/// Properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReasonProperties<'a> {
    /// For people who read logs; not to be parsed.
    pub reason_string: Option<&'a str>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl<'a> ReasonProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self {
        reason_string: None,
        user_properties: UserProperties::NONE,
    };

    pub(crate) fn is_empty(&self) -> bool {
        self.reason_string.is_none() && self.user_properties.is_empty()
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[id::REASON_STRING, id::USER_PROPERTY]);
        let fields = PropertyFields::read(reader, ALLOWED)?;
        Ok(Self {
            reason_string: fields.reason_string,
            user_properties: fields.user_properties,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_counted(out, |out| {
            put_string_property(out, id::REASON_STRING, self.reason_string)?;
            self.user_properties.write(out)
        })
    }
}
