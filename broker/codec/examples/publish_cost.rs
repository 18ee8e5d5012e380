//! What one small PUBLISH costs in the codec, for callgrind: decode and encode, 128 bytes of payload.
//!
//! `cargo build --release -p quorate-codec --example publish_cost`, then
//! `valgrind --tool=callgrind --toggle-collect='*one_publish*' <the example> v311` (or `v5`, `v5-properties`).
//! The instructions collected, divided by the messages printed, are the price.

use std::hint::black_box;

use quorate_codec::{
    DecodeLimits, Decoded, Packet, PublishBody, PublishHead, Version, decode, encode_publish,
};

const MESSAGES: u32 = 100_000;

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let (version, block): (Version, &[u8]) = match kind.as_str() {
        "v5" => (Version::V5, b""),
        "v5-properties" => (
            Version::V5,
            b"\x02\0\0\0\x3c\x03\0\x10application/json\x26\0\x04unit\0\x07celsius",
        ),
        _ => (Version::V311, b""),
    };
    let body = PublishBody {
        topic: "building/7/floor/3/temp",
        properties: block,
        payload: &[b'x'; 128],
    };
    let head = PublishHead::new(quorate_codec::QoS::AtMostOnce, None);
    let mut incoming = Vec::new();
    encode_publish(&head, &body, version, &mut incoming).expect("short");
    let mut out = Vec::with_capacity(1 << 16);
    let mut properties = Vec::new();
    for _ in 0..MESSAGES {
        if out.len() > 60_000 {
            out.clear();
        }
        one_publish(black_box(&incoming), version, &mut properties, &mut out);
    }
    println!("{MESSAGES} messages, {} bytes each", incoming.len());
}

/// What a worker does in the codec for one message from one client to another.
#[inline(never)]
fn one_publish(incoming: &[u8], version: Version, properties: &mut Vec<u8>, out: &mut Vec<u8>) {
    let limits = DecodeLimits {
        packet_bytes_max: 1 << 20,
    };
    let Ok(Decoded::Packet {
        packet: Packet::Publish(publish),
        ..
    }) = decode(incoming, version, &limits)
    else {
        return;
    };
    let message = publish.properties.message();
    let wire = match message.as_wire() {
        Some(wire) => wire,
        None => {
            properties.clear();
            message.append_to(properties);
            properties
        }
    };
    let mut head = PublishHead::new(publish.qos, publish.packet_id);
    head.expiry_seconds = publish.properties.expiry_seconds;
    let body = PublishBody {
        topic: publish.topic,
        properties: wire,
        payload: publish.payload,
    };
    if encode_publish(&head, &body, version, out).is_err() {
        out.clear();
    }
}
