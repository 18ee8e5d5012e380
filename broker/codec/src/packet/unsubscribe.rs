//! UNSUBSCRIBE (3.10).

use std::fmt;

use super::subscribe::read_filter;
use crate::error::{DecodeError, EncodeError};
use crate::property::{PropertyFields, UserProperties, id};
use crate::reader::Reader;
use crate::topic::SubscriptionFilter;
use crate::types::{PacketId, Version};
use crate::writer::{put_counted, put_string, put_u16};

/// The client drops topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// To be named in the UNSUBACK.
    pub packet_id: PacketId,
    /// At least one (MQTT-3.10.3-2).
    pub filters: Filters<'a>,
    /// The one property it may have; none before MQTT 5.
    pub user_properties: UserProperties<'a>,
}

impl<'a> Unsubscribe<'a> {
    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let packet_id = reader.packet_id()?;
        let user_properties = if version.is_v5() {
            PropertyFields::read(&mut reader, 1 << id::USER_PROPERTY)?.user_properties
        } else {
            UserProperties::NONE
        };
        Ok(Self {
            packet_id,
            filters: Filters::read(reader)?,
            user_properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            put_counted(out, |out| self.user_properties.write(out))?;
        }
        for filter in self.filters.iter() {
            put_string(out, filter.as_str())?;
        }
        Ok(())
    }
}

/// The filters of an UNSUBSCRIBE: a view of its bytes, or a list to be encoded.
#[derive(Clone, Copy)]
pub struct Filters<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Validated bytes.
    Bytes(&'a [u8]),
    List(&'a [SubscriptionFilter<'a>]),
}

impl<'a> Filters<'a> {
    /// The given list, to be encoded.
    pub const fn new(list: &'a [SubscriptionFilter<'a>]) -> Self {
        Self(Source::List(list))
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        if bytes.is_empty() {
            return Err(DecodeError::ListEmpty);
        }
        while !reader.is_empty() {
            read_filter(&mut reader)?;
        }
        Ok(Self(Source::Bytes(bytes)))
    }

    /// The filters in order.
    pub fn iter(&self) -> impl Iterator<Item = SubscriptionFilter<'a>> + use<'a> {
        let (bytes, list): (&'a [u8], &'a [_]) = match self.0 {
            Source::Bytes(bytes) => (bytes, &[]),
            Source::List(list) => (&[], list),
        };
        let mut reader = Reader::new(bytes);
        std::iter::from_fn(move || read_filter(&mut reader).ok()).chain(list.iter().copied())
    }
}

impl PartialEq for Filters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Filters<'_> {}

impl fmt::Debug for Filters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
