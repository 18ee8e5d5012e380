//! The properties that travel with a message, unaltered, from its publisher to its receivers.
//! Must not know those that belong to one connection.

use super::message_scan::{FORWARDABLE, MessageScan};
use super::{
    RawProperties, UserProperties, id, put_binary_property, put_string_property, put_u8_property,
    read_payload_format,
};
use crate::error::{DecodeError, EncodeError};
use crate::types::PayloadFormat;

/// The properties that travel with a message: a view of part of a validated block, in which it passes over
/// the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessageProperties<'a> {
    /// From the first that travels to the last.
    pub(super) span: &'a [u8],
    /// Bytes of the span that do not travel; 0 nearly always, so that it can be copied whole.
    pub(super) other_bytes: usize,
}

impl<'a> MessageProperties<'a> {
    /// A block in wire form, without its length, of properties that travel with a message, as
    /// [`Self::append_to`] or [`MessageFields::append_to`] made it.
    pub fn parse(block: &'a [u8]) -> Result<Self, DecodeError> {
        MessageScan::over(block, FORWARDABLE).map(|scan| scan.message)
    }

    /// Whether nothing travels.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that [`Self::append_to`] appends.
    #[inline]
    pub const fn len(&self) -> usize {
        self.span.len() - self.other_bytes
    }

    /// The wire form where it is at hand without copying (no other property stands among them).
    #[inline]
    pub const fn as_wire(&self) -> Option<&'a [u8]> {
        if self.other_bytes == 0 {
            return Some(self.span);
        }
        None
    }

    /// Appends them in wire form and order, without a length: what [`crate::PublishBody`] takes.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        if self.other_bytes == 0 {
            out.extend_from_slice(self.span);
            return;
        }
        for whole in self.travelling() {
            out.extend_from_slice(whole);
        }
    }

    /// The user properties among them.
    pub const fn user_properties(&self) -> UserProperties<'a> {
        UserProperties::in_block(self.span)
    }

    /// The same, parsed. A pass over the block.
    pub fn fields(&self) -> MessageFields<'a> {
        let mut fields = MessageFields::default();
        for (id, _, mut value) in RawProperties::new(self.span) {
            match id {
                id::PAYLOAD_FORMAT_INDICATOR => {
                    fields.payload_format = read_payload_format(&mut value).ok();
                }
                id::CONTENT_TYPE => fields.content_type = value.string().ok(),
                id::RESPONSE_TOPIC => fields.response_topic = value.string().ok(),
                id::CORRELATION_DATA => fields.correlation_data = value.binary().ok(),
                id::USER_PROPERTY => fields.user_properties = UserProperties::in_block(self.span),
                _ => {}
            }
        }
        fields
    }

    fn travelling(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        RawProperties::new(self.span)
            .filter(|(id, _, _)| FORWARDABLE & (1 << id) != 0)
            .map(|(_, whole, _)| whole)
    }
}

impl PartialEq for MessageProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.travelling().eq(other.travelling())
    }
}

impl Eq for MessageProperties<'_> {}

/// The properties that travel with a message, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageFields<'a> {
    /// Whether the payload is UTF-8 text.
    pub payload_format: Option<PayloadFormat>,
    /// What the payload is.
    pub content_type: Option<&'a str>,
    /// Where a response is awaited; a topic name.
    pub response_topic: Option<&'a str>,
    /// What the response shall carry back.
    pub correlation_data: Option<&'a [u8]>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl MessageFields<'_> {
    /// Appends the wire form, without a length: what [`crate::PublishBody`] takes.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if let Some(format) = self.payload_format {
            put_u8_property(out, id::PAYLOAD_FORMAT_INDICATOR, format as u8);
        }
        put_string_property(out, id::CONTENT_TYPE, self.content_type)?;
        put_string_property(out, id::RESPONSE_TOPIC, self.response_topic)?;
        put_binary_property(out, id::CORRELATION_DATA, self.correlation_data)?;
        self.user_properties.write(out)
    }
}
