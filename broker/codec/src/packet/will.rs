//! The will in a CONNECT (3.1.2.5, 3.1.3.2 to 3.1.3.4).

use crate::error::{DecodeError, EncodeError};
use crate::property::WillProperties;
use crate::reader::Reader;
use crate::topic::TopicName;
use crate::types::{QoS, Version};
use crate::writer::{put_binary, put_counted, put_string};

/// The message to publish when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Will<'a> {
    /// QoS to publish at.
    pub qos: QoS,
    /// Retain flag to publish with.
    pub retain: bool,
    /// Where to.
    pub topic: TopicName<'a>,
    /// Application payload.
    pub payload: &'a [u8],
    /// Delay, expiry and what travels with the message; none before MQTT 5.
    pub properties: WillProperties<'a>,
}

impl<'a> Will<'a> {
    pub(super) fn decode(
        qos: QoS,
        retain: bool,
        reader: &mut Reader<'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let properties = if version.is_v5() {
            WillProperties::parse(reader.property_block()?)?
        } else {
            WillProperties::default()
        };
        let topic = TopicName::parse(reader.string()?).map_err(DecodeError::of_topic_name)?;
        Ok(Self {
            qos,
            retain,
            topic,
            payload: reader.binary()?,
            properties,
        })
    }

    pub(super) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if version.is_v5() {
            put_counted(out, |out| {
                self.properties.write(out);
                Ok(())
            })?;
        }
        put_string(out, self.topic.as_str())?;
        put_binary(out, self.payload)
    }
}
