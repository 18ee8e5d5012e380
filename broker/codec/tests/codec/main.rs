//! The codec from outside: vectors from the standard, round trips, hostile bytes. No sockets, no clock.

mod accept;
mod hostile;
mod reject;
mod round_trip;
mod speed_paths;
mod topics;

use quorate_codec::{
    DecodeError, DecodeLimits, Decoded, Packet, Version, decode, decode_connect, encode,
};

const V311: Version = Version::V311;
const V5: Version = Version::V5;

/// The one packet that `bytes` hold, to the last byte.
fn whole(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    match decode(bytes, version, &DecodeLimits::default())? {
        Decoded::Packet { packet, consumed } => {
            assert_eq!(
                consumed,
                bytes.len(),
                "the packet is not all of {bytes:02x?}"
            );
            Ok(packet)
        }
        Decoded::Incomplete { needed } => {
            panic!("{} bytes of {needed}: {bytes:02x?}", bytes.len())
        }
    }
}

/// Type byte, remaining length (one byte), body.
fn packet_of(first: u8, body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 128);
    let mut bytes = vec![first, body.len() as u8];
    bytes.extend_from_slice(body);
    bytes
}

/// CONNECT with the given version's head and what follows the keep alive.
fn connect_of(version: Version, flags: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = match version {
        Version::V31 => b"\x00\x06MQIsdp\x03".to_vec(),
        Version::V311 => b"\x00\x04MQTT\x04".to_vec(),
        Version::V5 => b"\x00\x04MQTT\x05".to_vec(),
    };
    body.extend_from_slice(&[flags, 0, 60]);
    body.extend_from_slice(rest);
    packet_of(0x10, &body)
}

/// Encodes behind something else, decodes again, also in two halves cut anywhere.
fn round_trip(packet: &Packet<'_>, version: Version) {
    let mut out = b"before".to_vec();
    encode(packet, version, &mut out).expect("encodes");
    assert_eq!(&out[..6], b"before");
    let bytes = out.split_off(6);
    assert_eq!(whole(&bytes, version).as_ref(), Ok(packet));
    check_splits(&bytes, packet, version);
}

/// Every true prefix is incomplete; what follows the packet is left alone.
fn check_splits(bytes: &[u8], packet: &Packet<'_>, version: Version) {
    let limits = DecodeLimits {
        packet_bytes_max: bytes.len(),
    };
    // All cuts of a short packet; of a long one those near both ends.
    let cuts = (0..bytes.len()).filter(|cut| *cut < 40 || bytes.len() - cut < 8);
    for cut in cuts {
        let decoded = decode(&bytes[..cut], version, &limits).expect("a prefix is no error");
        match decoded {
            Decoded::Incomplete { needed } => {
                assert!(needed > cut && needed <= bytes.len(), "{needed} at {cut}");
            }
            Decoded::Packet { .. } => panic!("a packet from {cut} of {} bytes", bytes.len()),
        }
    }
    let mut stream = bytes.to_vec();
    stream.extend_from_slice(&[0xff; 3]);
    let decoded = decode(&stream, version, &limits).expect("decodes");
    let expected = Decoded::Packet {
        packet: *packet,
        consumed: bytes.len(),
    };
    assert_eq!(decoded, expected);
}

#[test]
fn nothing_is_incomplete() {
    let limits = DecodeLimits::default();
    assert_eq!(
        decode(&[], V5, &limits),
        Ok(Decoded::Incomplete { needed: 2 })
    );
    assert_eq!(
        decode_connect(&[], &limits),
        Ok(Decoded::Incomplete { needed: 2 })
    );
}
