//! `Message` and `Will`.

use bytes::Bytes;
use quorate_codec::QoS;
use quorate_proto::log;
use quorate_shard::{Message, Will};

use super::malformed::{Malformed, present};

/// A message whose payload stays a slice of the buffer it was read from pins that whole buffer.
/// Only a slice that is at least this part of it may.
const PINNED_PART_MIN: usize = 4;

pub(super) fn encode(message: Message) -> log::Message {
    log::Message {
        topic: String::from(&*message.topic),
        properties: message.properties,
        payload: message.payload,
        qos: message.qos as u32,
        retain: message.retain,
        expiry_seconds: message.expiry_seconds,
    }
}

/// `source` is the length of the buffer the message was read from.
pub(super) fn decode(message: log::Message, source: usize) -> Result<Message, Malformed> {
    Ok(Message {
        topic: message.topic.into(),
        properties: own(message.properties, source),
        payload: own(message.payload, source),
        qos: decode_qos(message.qos)?,
        retain: message.retain,
        expiry_seconds: message.expiry_seconds,
    })
}

pub(super) fn decode_qos(value: u32) -> Result<QoS, Malformed> {
    match value {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        2 => Ok(QoS::ExactlyOnce),
        _ => Err(Malformed::Range {
            field: "qos",
            value: value.into(),
        }),
    }
}

pub(super) fn encode_will(will: Will) -> log::Will {
    log::Will {
        message: Some(encode(will.message)),
        delay_seconds: will.delay_seconds,
    }
}

pub(super) fn decode_will(will: log::Will, source: usize) -> Result<Will, Malformed> {
    Ok(Will {
        message: decode(present("will.message", will.message)?, source)?,
        delay_seconds: will.delay_seconds,
    })
}

fn own(slice: Bytes, source: usize) -> Bytes {
    if slice.len() >= source / PINNED_PART_MIN {
        slice
    } else {
        Bytes::copy_from_slice(&slice)
    }
}
