//! PUBLISH (3.3): the hot path. Decoding allocates nothing and reads each byte but the payload's once.

use crate::encode::{PublishBody, PublishHead, encode_publish};
use crate::error::{DecodeError, EncodeError};
use crate::property::PublishProperties;
use crate::reader::Reader;
use crate::topic::TopicName;
use crate::types::{PacketId, QoS, Version};

/// A message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Sent before, perhaps; never set at QoS 0 (MQTT-3.3.1-2).
    pub dup: bool,
    /// Quality of service.
    pub qos: QoS,
    /// To the server: keep it. To the client: it was kept.
    pub retain: bool,
    /// Present above QoS 0, and only there (MQTT-2.2.1-2).
    pub packet_id: Option<PacketId>,
    /// A valid topic name, or empty where MQTT 5's topic alias stands for it.
    pub topic: &'a str,
    /// Properties; none before MQTT 5.
    pub properties: PublishProperties<'a>,
    /// Application payload.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    #[inline]
    pub(crate) fn decode(
        first: u8,
        mut reader: Reader<'a>,
        version: Version,
    ) -> Result<Self, DecodeError> {
        let dup = first & 0b1000 != 0;
        let qos = QoS::from_bits(first >> 1 & 0b11).ok_or(DecodeError::QoSReserved)?;
        if dup && qos == QoS::AtMostOnce {
            return Err(DecodeError::DupAtQoS0);
        }
        let topic = reader.text()?;
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(reader.packet_id()?),
        };
        let properties = if version.is_v5() {
            PublishProperties::parse(reader.property_block()?)?
        } else {
            PublishProperties::NONE
        };
        let aliased = topic.is_empty() && version.is_v5();
        if aliased && properties.topic_alias.is_none() {
            return Err(DecodeError::TopicMissing);
        }
        if !aliased {
            TopicName::parse(topic).map_err(DecodeError::of_topic_name)?;
        }
        Ok(Self {
            dup,
            qos,
            retain: first & 1 != 0,
            packet_id,
            topic,
            properties,
            payload: reader.rest(),
        })
    }

    /// The whole packet, header included.
    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        // Alias, expiry and identifiers, if any, stand in the block already.
        let head = PublishHead {
            dup: self.dup,
            retain: self.retain,
            ..PublishHead::new(self.qos, self.packet_id)
        };
        let body = PublishBody {
            topic: self.topic,
            properties: self.properties.block(),
            payload: self.payload,
        };
        encode_publish(&head, &body, version, out)
    }
}
