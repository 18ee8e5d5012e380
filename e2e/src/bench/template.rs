//! A PUBLISH encoded once; for each message only packet id, sequence and time are written over it.

use anyhow::{Result, ensure};
use quorate_codec::{PacketId, PublishBody, PublishHead, QoS, Version, encode_publish};

/// What the clients of the benchmark speak: what both brokers know best.
pub(super) const VERSION: Version = Version::V311;

/// Bytes of the payload: a small message, as sensors send them.
pub(super) const PAYLOAD_BYTES: usize = 128;

/// Bytes of the payload that carry publisher, sequence and time; the rest is filling.
const STAMP_BYTES: usize = 20;

/// What a payload says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Index of the publisher.
    pub(super) publisher: u32,
    /// From 1, without gaps.
    pub(super) sequence: u64,
    /// Nanoseconds on the clock of the run.
    pub(super) sent_at: u64,
}

impl Stamp {
    /// Reads a payload; nothing when it is none of ours.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (publisher, rest) = payload.split_first_chunk()?;
        let (sequence, rest) = rest.split_first_chunk()?;
        let (sent_at, _) = rest.split_first_chunk()?;
        Some(Self {
            publisher: u32::from_le_bytes(*publisher),
            sequence: u64::from_le_bytes(*sequence),
            sent_at: u64::from_le_bytes(*sent_at),
        })
    }

    fn write(self, payload: &mut [u8]) {
        payload[..4].copy_from_slice(&self.publisher.to_le_bytes());
        payload[4..12].copy_from_slice(&self.sequence.to_le_bytes());
        payload[12..STAMP_BYTES].copy_from_slice(&self.sent_at.to_le_bytes());
    }
}

/// The encoded PUBLISH of one publisher.
#[derive(Debug)]
pub(super) struct Template {
    packet: Vec<u8>,
    payload_at: usize,
    id_at: Option<usize>,
}

impl Template {
    pub(super) fn new(topic: &str, qos: QoS) -> Result<Self> {
        let id = (qos != QoS::AtMostOnce).then_some(PacketId::MIN);
        let payload = [0x55; PAYLOAD_BYTES];
        let body = PublishBody {
            topic,
            properties: &[],
            payload: &payload,
        };
        let mut packet = Vec::new();
        encode_publish(&PublishHead::new(qos, id), &body, VERSION, &mut packet)?;
        let payload_at = packet.len() - PAYLOAD_BYTES;
        ensure!(
            packet[payload_at..] == payload,
            "the payload is not the end of the packet"
        );
        Ok(Self {
            packet,
            payload_at,
            id_at: id.map(|_| payload_at - 2),
        })
    }

    /// Appends one message.
    pub(super) fn append(&self, stamp: Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.packet);
        let packet = &mut out[start..];
        if let Some(at) = self.id_at {
            let id = (stamp.sequence - 1) % 65_535 + 1;
            packet[at..at + 2].copy_from_slice(&(id as u16).to_be_bytes());
        }
        stamp.write(&mut packet[self.payload_at..]);
    }
}

#[test]
fn what_is_appended_decodes_to_what_was_meant() {
    use quorate_codec::{DecodeLimits, Decoded, Packet, decode};
    let template = Template::new("pairs/7", QoS::AtLeastOnce).expect("it encodes");
    let stamp = Stamp {
        publisher: 7,
        sequence: 65_537,
        sent_at: 99,
    };
    let mut out = Vec::new();
    template.append(stamp, &mut out);
    let decoded = decode(&out, VERSION, &DecodeLimits::default());
    let Ok(Decoded::Packet {
        packet: Packet::Publish(publish),
        consumed,
    }) = decoded
    else {
        panic!("{decoded:?}");
    };
    assert_eq!((consumed, publish.topic), (out.len(), "pairs/7"));
    assert_eq!(publish.packet_id.map(PacketId::get), Some(2));
    assert_eq!(Stamp::read(publish.payload), Some(stamp));
}
