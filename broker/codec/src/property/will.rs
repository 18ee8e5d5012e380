//! Properties of a will. Must not know when it is due.

use super::message_scan::{FORWARDABLE, MessageScan};
use super::{MessageProperties, id, put_u32_property};
use crate::error::DecodeError;

const IN_WILL: u64 = FORWARDABLE | id::set(&[id::MESSAGE_EXPIRY_INTERVAL, id::WILL_DELAY_INTERVAL]);

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
        let scan = MessageScan::over(block, IN_WILL)?;
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
