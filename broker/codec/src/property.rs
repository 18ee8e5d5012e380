//! Properties of MQTT 5 (2.2.2): identifiers, where each may stand, how often, and their values.
//! Must not interpret them; packets pick theirs from [`PropertyFields`].

mod fields;
pub(crate) mod id;
mod message;
mod message_scan;
mod publish;
mod reason;
mod user;
mod will;

pub(crate) use fields::PropertyFields;
pub use message::{MessageFields, MessageProperties};
pub use publish::{PublishProperties, SubscriptionIds};
pub use reason::ReasonProperties;
pub use user::UserProperties;
pub use will::WillProperties;

use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::topic::TopicName;
use crate::types::PayloadFormat;
use crate::writer::{put_binary, put_string, put_u16, put_u32};

/// Admits properties one after another: known, allowed in this place, and not twice.
#[derive(Debug)]
pub(crate) struct Admission {
    allowed: u64,
    repeatable: u64,
    seen: u64,
}

impl Admission {
    #[inline]
    pub(crate) fn new(allowed: u64, repeatable: u64) -> Self {
        Self {
            allowed,
            repeatable,
            seen: 0,
        }
    }

    #[inline]
    pub(crate) fn admit(&mut self, id: u8) -> Result<(), DecodeError> {
        let bit = if id < 64 { 1 << id } else { 0 };
        if bit & self.allowed & !(self.seen & !self.repeatable) == 0 {
            return Err(self.reproach(id, bit));
        }
        self.seen |= bit;
        Ok(())
    }

    pub(crate) fn has_seen(&self, id: u8) -> bool {
        self.seen & (1 << id) != 0
    }

    #[cold]
    fn reproach(&self, id: u8, bit: u64) -> DecodeError {
        if bit & id::ALL == 0 {
            DecodeError::PropertyUnknown(id)
        } else if bit & self.allowed == 0 {
            DecodeError::PropertyMisplaced(id)
        } else {
            DecodeError::PropertyRepeated(id)
        }
    }
}

/// Properties of a block that has been validated, as (identifier, whole property, reader at its value).
#[derive(Debug, Clone)]
pub(crate) struct RawProperties<'a>(Reader<'a>);

impl<'a> RawProperties<'a> {
    pub(crate) fn new(block: &'a [u8]) -> Self {
        Self(Reader::new(block))
    }
}

impl<'a> Iterator for RawProperties<'a> {
    type Item = (u8, &'a [u8], Reader<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let whole = self.0.rest();
        let id = self.0.u8().ok()?;
        let value = self.0;
        skip(id, &mut self.0).ok()?;
        let len = whole.len() - self.0.rest().len();
        Some((id, &whole[..len], value))
    }
}

/// Steps over a value by the type its identifier has (table 2-4).
fn skip(id: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let bit = if id < 64 { 1 << id } else { 0 };
    if bit & id::BYTES != 0 {
        reader.u8()?;
    } else if bit & id::U16S != 0 {
        reader.u16()?;
    } else if bit & id::U32S != 0 {
        reader.u32()?;
    } else if bit & id::FIELDS != 0 {
        reader.binary()?;
    } else if id == id::USER_PROPERTY {
        reader.binary()?;
        reader.binary()?;
    } else if id == id::SUBSCRIPTION_IDENTIFIER {
        reader.variable()?;
    } else {
        return Err(DecodeError::PropertyUnknown(id));
    }
    Ok(())
}

/// A byte that must be 0 or 1.
pub(crate) fn read_bool(id: u8, reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::PropertyValue(id)),
    }
}

pub(crate) fn read_payload_format(reader: &mut Reader<'_>) -> Result<PayloadFormat, DecodeError> {
    let utf8 = read_bool(id::PAYLOAD_FORMAT_INDICATOR, reader)?;
    Ok(if utf8 {
        PayloadFormat::Utf8
    } else {
        PayloadFormat::Bytes
    })
}

/// The response topic is a topic name (MQTT-3.3.2-14).
pub(crate) fn read_response_topic<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let name = TopicName::parse(reader.string()?).map_err(DecodeError::of_topic_name)?;
    Ok(name.as_str())
}

/// A subscription identifier; 0 is a protocol error (3.8.2.1.2).
pub(crate) fn read_subscription_id(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    match reader.variable()? {
        0 => Err(DecodeError::PropertyValue(id::SUBSCRIPTION_IDENTIFIER)),
        value => Ok(value),
    }
}

pub(crate) fn put_u8_property(out: &mut Vec<u8>, id: u8, value: u8) {
    out.extend_from_slice(&[id, value]);
}

pub(crate) fn put_u16_property(out: &mut Vec<u8>, id: u8, value: u16) {
    out.push(id);
    put_u16(out, value);
}

pub(crate) fn put_u32_property(out: &mut Vec<u8>, id: u8, value: u32) {
    out.push(id);
    put_u32(out, value);
}

pub(crate) fn put_string_property(
    out: &mut Vec<u8>,
    id: u8,
    value: Option<&str>,
) -> Result<(), EncodeError> {
    if let Some(text) = value {
        out.push(id);
        put_string(out, text)?;
    }
    Ok(())
}

pub(crate) fn put_binary_property(
    out: &mut Vec<u8>,
    id: u8,
    value: Option<&[u8]>,
) -> Result<(), EncodeError> {
    if let Some(bytes) = value {
        out.push(id);
        put_binary(out, bytes)?;
    }
    Ok(())
}
