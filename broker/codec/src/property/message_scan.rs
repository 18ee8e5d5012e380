//! The one pass over the property block of a PUBLISH or a will: checks every property and finds what
//! does not travel with the message.

use std::num::NonZeroU16;

use super::{
    Admission, MessageProperties, id, read_payload_format, read_response_topic,
    read_subscription_id,
};
use crate::error::DecodeError;
use crate::reader::Reader;

/// Travel with the message, unaltered (MQTT-3.3.2-4, -15, -16, -17, -18, -20).
pub(super) const FORWARDABLE: u64 = id::set(&[
    id::PAYLOAD_FORMAT_INDICATOR,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
]);

/// The one pass over a message's property block.
#[derive(Default)]
pub(super) struct MessageScan<'a> {
    pub(super) topic_alias: Option<NonZeroU16>,
    pub(super) expiry_seconds: Option<u32>,
    pub(super) delay_seconds: u32,
    pub(super) has_subscription_ids: bool,
    pub(super) message: MessageProperties<'a>,
}

impl<'a> MessageScan<'a> {
    pub(super) fn over(block: &'a [u8], allowed: u64) -> Result<Self, DecodeError> {
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
