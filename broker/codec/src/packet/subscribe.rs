//! SUBSCRIBE (3.8).

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::limits::SUBSCRIPTION_ID_MAX;
use crate::property::{PropertyFields, UserProperties, id};
use crate::reader::Reader;
use crate::topic::SubscriptionFilter;
use crate::types::{PacketId, SubscriptionOptions, Version};
use crate::writer::{put_counted, put_string, put_u16, put_variable};

/// The client asks for topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// To be named in the SUBACK.
    pub packet_id: PacketId,
    /// At least one (MQTT-3.8.3-2).
    pub subscriptions: Subscriptions<'a>,
    /// Properties; none before MQTT 5.
    pub properties: SubscribeProperties<'a>,
}

/// Properties of SUBSCRIBE (3.8.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubscribeProperties<'a> {
    /// Comes with every message these subscriptions match; from 1 to [`SUBSCRIPTION_ID_MAX`].
    pub subscription_id: Option<u32>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

/// One filter with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// What is asked for.
    pub filter: SubscriptionFilter<'a>,
    /// How; before MQTT 5 only the QoS.
    pub options: SubscriptionOptions,
}

impl<'a> Subscribe<'a> {
    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = if version.is_v5() {
            SubscribeProperties::read(&mut reader)?
        } else {
            SubscribeProperties::default()
        };
        Ok(Self {
            packet_id,
            subscriptions: Subscriptions::read(reader, version)?,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.write(out)?;
        }
        for subscription in self.subscriptions.iter() {
            put_string(out, subscription.filter.as_str())?;
            let options = subscription.options;
            out.push(if version.is_v5() {
                options.to_byte()
            } else {
                options.qos as u8
            });
        }
        Ok(())
    }
}

impl<'a> SubscribeProperties<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[id::SUBSCRIPTION_IDENTIFIER, id::USER_PROPERTY]);
        let fields = PropertyFields::read(reader, ALLOWED)?;
        Ok(Self {
            subscription_id: fields.subscription_id,
            user_properties: fields.user_properties,
        })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_counted(out, |out| {
            if let Some(value) = self.subscription_id {
                if value == 0 || value > SUBSCRIPTION_ID_MAX {
                    return Err(EncodeError::SubscriptionId);
                }
                out.push(id::SUBSCRIPTION_IDENTIFIER);
                put_variable(out, value as usize);
            }
            self.user_properties.write(out)
        })
    }
}

/// The subscriptions of a SUBSCRIBE: a view of its bytes, or a list to be encoded.
#[derive(Clone, Copy)]
pub struct Subscriptions<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Validated bytes.
    Bytes(&'a [u8]),
    List(&'a [Subscription<'a>]),
}

impl<'a> Subscriptions<'a> {
    /// The given list, to be encoded.
    pub const fn new(list: &'a [Subscription<'a>]) -> Self {
        Self(Source::List(list))
    }

    fn read(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        if bytes.is_empty() {
            return Err(DecodeError::ListEmpty);
        }
        while !reader.is_empty() {
            let Subscription { filter, options } = Subscription::read(&mut reader)?;
            if !version.is_v5() && options.to_byte() & !0b11 != 0 {
                return Err(DecodeError::SubscriptionOptions(options.to_byte()));
            }
            if options.no_local && filter.group().is_some() {
                return Err(DecodeError::NoLocalOnShared);
            }
        }
        Ok(Self(Source::Bytes(bytes)))
    }

    /// The subscriptions in order.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'a>> + use<'a> {
        let (bytes, list): (&'a [u8], &'a [_]) = match self.0 {
            Source::Bytes(bytes) => (bytes, &[]),
            Source::List(list) => (&[], list),
        };
        let mut reader = Reader::new(bytes);
        std::iter::from_fn(move || Subscription::read(&mut reader).ok()).chain(list.iter().copied())
    }
}

impl<'a> Subscription<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let filter = read_filter(reader)?;
        let byte = reader.u8()?;
        let options =
            SubscriptionOptions::from_byte(byte).ok_or(DecodeError::SubscriptionOptions(byte))?;
        Ok(Self { filter, options })
    }
}

pub(super) fn read_filter<'a>(
    reader: &mut Reader<'a>,
) -> Result<SubscriptionFilter<'a>, DecodeError> {
    SubscriptionFilter::parse(reader.string()?).map_err(DecodeError::TopicFilter)
}

impl PartialEq for Subscriptions<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Subscriptions<'_> {}

impl fmt::Debug for Subscriptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
