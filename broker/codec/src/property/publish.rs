//! Properties of a PUBLISH: one pass over the bytes, no allocation. Whether an alias is known or
//! identifiers may come is the session's to judge.

use std::num::NonZeroU16;

use super::message_scan::{FORWARDABLE, MessageScan};
use super::{MessageProperties, RawProperties, id};
use crate::error::DecodeError;

const IN_PUBLISH: u64 = FORWARDABLE
    | id::set(&[
        id::MESSAGE_EXPIRY_INTERVAL,
        id::TOPIC_ALIAS,
        id::SUBSCRIPTION_IDENTIFIER,
    ]);

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
        let scan = MessageScan::over(block, IN_PUBLISH)?;
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
