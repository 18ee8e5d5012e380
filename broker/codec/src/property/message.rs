//! Properties of messages (PUBLISH and will): which travel with the message and which belong to one
//! connection or change on the way. One pass over the bytes, no allocation.

use std::num::NonZeroU16;

use super::{
    Admission, RawProperties, UserProperties, id, put_binary_property, put_string_property,
    put_u8_property, put_u32_property, read_payload_format, read_response_topic,
    read_subscription_id,
};
use crate::error::{DecodeError, EncodeError};
use crate::reader::Reader;
use crate::types::PayloadFormat;

/// Travel with the message, unaltered (MQTT-3.3.2-4, -15, -16, -17, -18, -20).
const FORWARDABLE: u64 = id::set(&[
    id::PAYLOAD_FORMAT_INDICATOR,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
]);
const IN_PUBLISH: u64 = FORWARDABLE
    | id::set(&[
        id::MESSAGE_EXPIRY_INTERVAL,
        id::TOPIC_ALIAS,
        id::SUBSCRIPTION_IDENTIFIER,
    ]);
const IN_WILL: u64 = FORWARDABLE | id::set(&[id::MESSAGE_EXPIRY_INTERVAL, id::WILL_DELAY_INTERVAL]);

/// The properties that travel with a message: a view of part of a validated block, in which it passes over
/// the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct MessageProperties<'a> {
    /// From the first that travels to the last.
    span: &'a [u8],
    /// Bytes of the span that do not travel; 0 nearly always, so that it can be copied whole.
    other_bytes: usize,
}

impl<'a> MessageProperties<'a> {
    /// A block in wire form, without its length, of properties that travel with a message, as
    /// [`Self::append_to`] or [`MessageFields::append_to`] made it.
    pub fn parse(block: &'a [u8]) -> Result<Self, DecodeError> {
        Scan::over(block, FORWARDABLE).map(|scan| scan.message)
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

/// Properties of a PUBLISH.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublishProperties<'a> {
    /// Stands for the topic name; whether it is within the maximum is the session's to judge.
    pub topic_alias: Option<NonZeroU16>,
    /// Seconds until the message expires; 0 is legal.
    pub expiry_seconds: Option<u32>,
    has_subscription_ids: bool,
    block: &'a [u8],
    message: MessageProperties<'a>,
}

impl<'a> PublishProperties<'a> {
    /// No properties.
    pub const NONE: Self = Self {
        topic_alias: None,
        expiry_seconds: None,
        has_subscription_ids: false,
        block: &[],
        message: MessageProperties {
            span: &[],
            other_bytes: 0,
        },
    };

    /// A block in wire form, without its length.
    #[inline]
    pub fn parse(block: &'a [u8]) -> Result<Self, DecodeError> {
        if block.is_empty() {
            return Ok(Self::NONE);
        }
        let scan = Scan::over(block, IN_PUBLISH)?;
        Ok(Self {
            topic_alias: scan.topic_alias,
            expiry_seconds: scan.expiry_seconds,
            has_subscription_ids: scan.has_subscription_ids,
            block,
            message: scan.message,
        })
    }

    /// What travels with the message.
    #[inline]
    pub const fn message(&self) -> MessageProperties<'a> {
        self.message
    }

    /// The whole block as it came.
    #[inline]
    pub const fn block(&self) -> &'a [u8] {
        self.block
    }

    /// Whether there are subscription identifiers; a client must not send any (MQTT-3.3.4-6).
    #[inline]
    pub const fn has_subscription_ids(&self) -> bool {
        self.has_subscription_ids
    }

    /// Subscription identifiers, in order.
    pub fn subscription_ids(&self) -> SubscriptionIds<'a> {
        let block = if self.has_subscription_ids {
            self.block
        } else {
            &[]
        };
        SubscriptionIds(RawProperties::new(block))
    }
}

impl PartialEq for PublishProperties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.block() == other.block()
    }
}

impl Eq for PublishProperties<'_> {}

/// Iterator over the subscription identifiers of a PUBLISH.
#[derive(Debug, Clone)]
pub struct SubscriptionIds<'a>(RawProperties<'a>);

impl Iterator for SubscriptionIds<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (_, _, mut value) = self
            .0
            .find(|(id, _, _)| *id == id::SUBSCRIPTION_IDENTIFIER)?;
        value.variable().ok()
    }
}

/// Properties of a will (3.1.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WillProperties<'a> {
    /// Seconds to wait before the will is published.
    pub delay_seconds: u32,
    /// Seconds until the message expires, counted from its publication.
    pub expiry_seconds: Option<u32>,
    message: MessageProperties<'a>,
}

impl<'a> WillProperties<'a> {
    /// A block in wire form, without its length.
    pub fn parse(block: &'a [u8]) -> Result<Self, DecodeError> {
        let scan = Scan::over(block, IN_WILL)?;
        Ok(Self {
            delay_seconds: scan.delay_seconds,
            expiry_seconds: scan.expiry_seconds,
            message: scan.message,
        })
    }

    /// Delay and expiry for a message whose travelling properties are `message`.
    pub const fn new(
        delay_seconds: u32,
        expiry_seconds: Option<u32>,
        message: MessageProperties<'a>,
    ) -> Self {
        Self {
            delay_seconds,
            expiry_seconds,
            message,
        }
    }

    /// What travels with the message.
    pub const fn message(&self) -> MessageProperties<'a> {
        self.message
    }

    /// Appends the block, without its length.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if self.delay_seconds != 0 {
            put_u32_property(out, id::WILL_DELAY_INTERVAL, self.delay_seconds);
        }
        if let Some(seconds) = self.expiry_seconds {
            put_u32_property(out, id::MESSAGE_EXPIRY_INTERVAL, seconds);
        }
        self.message.append_to(out);
    }
}

/// The one pass over a message's property block.
#[derive(Default)]
struct Scan<'a> {
    topic_alias: Option<NonZeroU16>,
    expiry_seconds: Option<u32>,
    delay_seconds: u32,
    has_subscription_ids: bool,
    message: MessageProperties<'a>,
}

impl<'a> Scan<'a> {
    fn over(block: &'a [u8], allowed: u64) -> Result<Self, DecodeError> {
        const REPEATABLE: u64 = id::set(&[id::USER_PROPERTY, id::SUBSCRIPTION_IDENTIFIER]);
        let mut scan = Self::default();
        let mut admission = Admission::new(allowed, REPEATABLE);
        let mut reader = Reader::new(block);
        // The span of those that travel, and how many bytes of it do.
        let (mut start, mut end, mut travelling_bytes) = (0, 0, 0);
        while !reader.is_empty() {
            let before = block.len() - reader.rest().len();
            let id = reader.u8()?;
            admission.admit(id)?;
            scan.read_value(id, &mut reader)?;
            if FORWARDABLE & (1 << id) != 0 {
                if travelling_bytes == 0 {
                    start = before;
                }
                end = block.len() - reader.rest().len();
                travelling_bytes += end - before;
            }
        }
        scan.message = MessageProperties {
            span: &block[start..end],
            other_bytes: end - start - travelling_bytes,
        };
        Ok(scan)
    }

    fn read_value(&mut self, id: u8, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        match id {
            id::PAYLOAD_FORMAT_INDICATOR => {
                read_payload_format(reader)?;
            }
            id::MESSAGE_EXPIRY_INTERVAL => self.expiry_seconds = Some(reader.u32()?),
            id::CONTENT_TYPE => {
                reader.string()?;
            }
            id::RESPONSE_TOPIC => {
                read_response_topic(reader)?;
            }
            id::CORRELATION_DATA => {
                reader.binary()?;
            }
            id::SUBSCRIPTION_IDENTIFIER => {
                read_subscription_id(reader)?;
                self.has_subscription_ids = true;
            }
            id::WILL_DELAY_INTERVAL => self.delay_seconds = reader.u32()?,
            id::TOPIC_ALIAS => {
                let alias = NonZeroU16::new(reader.u16()?);
                self.topic_alias = Some(alias.ok_or(DecodeError::TopicAliasZero)?);
            }
            id::USER_PROPERTY => {
                reader.string()?;
                reader.string()?;
            }
            // No other stands in a set that comes here.
            _ => return Err(DecodeError::PropertyMisplaced(id)),
        }
        Ok(())
    }
}
