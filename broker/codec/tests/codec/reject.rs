//! Hand-made packets that must be refused, each with its error and reason code.

use quorate_codec::DecodeError as E;
use quorate_codec::ReasonCode as R;
use quorate_codec::*;

use crate::{V5, V311, connect_of, packet_of, whole};

/// Property identifiers as the standard numbers them.
const EXPIRY: u8 = 0x02;
const SUBSCRIPTION_ID: u8 = 0x0b;
const ALIAS: u8 = 0x23;

fn refused(bytes: &[u8], version: Version, error: E, reason: R) {
    assert_eq!(whole(bytes, version), Err(error), "{bytes:02x?}");
    assert_eq!(error.reason(), reason, "{error:?}");
}

fn refused_by_both(bytes: &[u8], error: E, reason: R) {
    refused(bytes, V311, error, reason);
    refused(bytes, V5, error, reason);
}

#[test]
fn packet_types_and_flags() {
    refused_by_both(b"\x00\x00", E::PacketType(0), R::MalformedPacket);
    refused(b"\xf0\x00", V311, E::PacketType(15), R::MalformedPacket);
    // Every wrong flag on every packet that has none of its own.
    for first in 0x10..=0xff_u8 {
        let right = if matches!(first >> 4, 6 | 8 | 10) {
            2
        } else {
            0
        };
        if first >> 4 != 3 && first & 0x0f != right {
            refused(&[first], V5, E::HeaderFlags(first), R::MalformedPacket);
        }
    }
}

#[test]
fn remaining_length() {
    let overlong: [&[u8]; 3] = [b"\xc0\x80\x00", b"\xe0\x81\x00", b"\xc0\x80\x80\x80\x00"];
    for bytes in overlong {
        refused_by_both(bytes, E::VariableByteInteger, R::MalformedPacket);
    }
    let endless = b"\x30\xff\xff\xff\xff";
    refused_by_both(endless, E::VariableByteInteger, R::MalformedPacket);
}

#[test]
fn too_large_is_told_by_the_header_alone() {
    let limits = DecodeLimits {
        packet_bytes_max: 130,
    };
    let large = decode(b"\x30\x80\x01", V5, &limits);
    assert_eq!(large, Err(E::PacketTooLarge { packet_bytes: 131 }));
    let fits = decode(b"\x30\x7f", V5, &limits);
    assert_eq!(fits, Ok(Decoded::Incomplete { needed: 129 }));
    let claim = decode_connect(b"\x10\xff\xff\xff\x7f", &limits).expect_err("256 MiB");
    assert_eq!(claim.error.reason(), R::PacketTooLarge);
    assert_eq!(claim.refusal(), None);
}

#[test]
fn first_packet_must_be_connect() {
    let limits = DecodeLimits::default();
    // HTTP, something else, and a PUBLISH.
    for bytes in [&b"GET / HTTP/1.1"[..], b"\0", b"\x30\x03\0\x01a"] {
        let error = decode_connect(bytes, &limits).expect_err("no CONNECT");
        assert_eq!((error.error, error.refusal()), (E::NotConnect, None));
    }
    // TLS happens to begin with CONNECT's type, but not with its flags.
    let tls = decode_connect(b"\x16", &limits).expect_err("flags");
    assert_eq!((tls.error, tls.refusal()), (E::HeaderFlags(0x16), None));
}

#[test]
fn protocol_name_and_level() {
    let refusal = |bytes: &[u8]| {
        let limits = DecodeLimits::default();
        decode_connect(bytes, &limits)
            .expect_err("refused")
            .refusal()
    };
    let older = packet_of(0x10, b"\0\x04MQTT\x03\x02\0\x3c\0\x01c");
    let answer = Some((V311, R::UnsupportedProtocolVersion));
    assert_eq!(refusal(&older), answer);
    let mixed = packet_of(0x10, b"\0\x06MQIsdp\x04\x02\0\x3c\0\x01c");
    assert_eq!(refusal(&mixed), answer);
    let newer = packet_of(0x10, b"\0\x04MQTT\x06whatever it says");
    assert_eq!(refusal(&newer), Some((V5, R::UnsupportedProtocolVersion)));
    let named = packet_of(0x10, b"\0\x04MQTX\x04\x02\0\x3c\0\x01c");
    assert_eq!(refusal(&named), None);
}

#[test]
fn connect_flags() {
    let cases = [
        (
            V311,
            0b0000_0011,
            E::ReservedFlags(0b11),
            R::MalformedPacket,
        ),
        (V5, 0b0000_0011, E::ReservedFlags(0b11), R::MalformedPacket),
        (V5, 0b0000_1010, E::WillFlags, R::MalformedPacket),
        (V5, 0b0010_0010, E::WillFlags, R::MalformedPacket),
        (V311, 0b0001_1110, E::WillFlags, R::MalformedPacket),
        (V311, 0b0100_0010, E::PasswordAlone, R::ProtocolError),
    ];
    for (version, flags, error, reason) in cases {
        let rest: &[u8] = if version == V5 {
            b"\0\0\x01c\0\0\x01w\0\0"
        } else {
            b"\0\x01c\0\x01w\0\0"
        };
        refused(&connect_of(version, flags, rest), version, error, reason);
    }
}

#[test]
fn connect_bodies() {
    // Flags announce a user name that is not there.
    let missing = connect_of(V311, 0b1000_0010, b"\0\x01c");
    refused(&missing, V311, E::Truncated, R::MalformedPacket);
    // A user name that no flag announces.
    let extra = connect_of(V311, 2, b"\0\x01c\0\x01u");
    refused(&extra, V311, E::TrailingBytes, R::MalformedPacket);
    let empty = connect_of(V311, 0, b"\0\0");
    refused(&empty, V311, E::ClientIdEmpty, R::ClientIdentifierNotValid);
    let error = decode_connect(&empty, &DecodeLimits::default()).expect_err("refused");
    assert_eq!(error.refusal(), Some((V311, R::ClientIdentifierNotValid)));
    let silent = decode_connect(&extra, &DecodeLimits::default()).expect_err("refused");
    assert_eq!(silent.refusal(), None, "3.1.1 has no return code for it");
    let will = connect_of(V311, 6, b"\0\x01c\0\x01#\0\0");
    let error = E::TopicName(TopicError::Wildcard);
    refused(&will, V311, error, R::TopicNameInvalid);
    let nul = connect_of(V5, 2, b"\0\0\x01\0");
    refused(&nul, V5, E::NulCharacter, R::MalformedPacket);
    let spoken = decode_connect(&nul, &DecodeLimits::default()).expect_err("refused");
    assert_eq!(spoken.refusal(), Some((V5, R::MalformedPacket)));
}

/// A CONNECT of MQTT 5 with this property block.
fn connect_with(block: &[u8]) -> Vec<u8> {
    let mut rest = vec![block.len() as u8];
    rest.extend_from_slice(block);
    rest.extend_from_slice(b"\0\x01c");
    connect_of(V5, 2, &rest)
}

#[test]
fn property_values() {
    let cases: [(&[u8], E, R); 13] = [
        (b"\x21\0\0", E::PropertyValue(0x21), R::ProtocolError),
        (b"\x27\0\0\0\0", E::PropertyValue(0x27), R::ProtocolError),
        (b"\x17\x02", E::PropertyValue(0x17), R::ProtocolError),
        (b"\x19\x02", E::PropertyValue(0x19), R::ProtocolError),
        (b"\x16\0\x01d", E::AuthenticationDataAlone, R::ProtocolError),
        (b"\x7f\0", E::PropertyUnknown(0x7f), R::MalformedPacket),
        (b"\x00\0", E::PropertyUnknown(0), R::MalformedPacket),
        (b"\x91\0\0", E::PropertyUnknown(0x91), R::MalformedPacket),
        (b"\x24\x01", E::PropertyMisplaced(0x24), R::MalformedPacket),
        (
            b"\x22\0\x01\x22\0\x01",
            E::PropertyRepeated(0x22),
            R::ProtocolError,
        ),
        (b"\x11\0\0\0", E::Truncated, R::MalformedPacket),
        (b"\x26\0\x01a", E::Truncated, R::MalformedPacket),
        (b"\x26\0\x01a\0\x02\xc0\x80", E::Utf8, R::MalformedPacket),
    ];
    for (block, error, reason) in cases {
        refused(&connect_with(block), V5, error, reason);
    }
}

/// Table 2-4: an identifier with a value, and the packets that may have it.
const PROPERTIES: [(&[u8], &str); 27] = [
    (b"\x01\x01", "publish will"),
    (b"\x02\0\0\0\x01", "publish will"),
    (b"\x03\0\x01a", "publish will"),
    (b"\x08\0\x01a", "publish will"),
    (b"\x09\0\x01a", "publish will"),
    (b"\x0b\x01", "publish subscribe"),
    (b"\x11\0\0\0\x01", "connect connack disconnect"),
    (b"\x12\0\x01a", "connack"),
    (b"\x13\0\x01", "connack"),
    (b"\x15\0\x01a", "connect connack auth"),
    (b"\x16\0\x01a", "connect connack auth"),
    (b"\x17\x01", "connect"),
    (b"\x18\0\0\0\x01", "will"),
    (b"\x19\x01", "connect"),
    (b"\x1a\0\x01a", "connack"),
    (b"\x1c\0\x01a", "connack disconnect"),
    (
        b"\x1f\0\x01a",
        "connack puback suback unsuback disconnect auth",
    ),
    (b"\x21\0\x01", "connect connack"),
    (b"\x22\0\x01", "connect connack"),
    (b"\x23\0\x01", "publish"),
    (b"\x24\x01", "connack"),
    (b"\x25\x01", "connack"),
    (
        b"\x26\0\x01a\0\x01b",
        "connect connack publish will puback subscribe suback unsubscribe unsuback disconnect auth",
    ),
    (b"\x27\0\0\0\x01", "connect connack"),
    (b"\x28\x01", "connack"),
    (b"\x29\x01", "connack"),
    (b"\x2a\x01", "connack"),
];

/// Name, first byte, what precedes the property block, what follows it.
const PACKETS: [(&str, u8, &[u8], &[u8]); 11] = [
    ("connect", 0x10, b"\0\x04MQTT\x05\x02\0\0", b"\0\x01c"),
    (
        "will",
        0x10,
        b"\0\x04MQTT\x05\x06\0\0\0\0\x01c",
        b"\0\x01w\0\0",
    ),
    ("connack", 0x20, b"\0\0", b""),
    ("publish", 0x30, b"\0\x01t", b"payload"),
    ("puback", 0x40, b"\0\x01\0", b""),
    ("subscribe", 0x82, b"\0\x01", b"\0\x01f\0"),
    ("suback", 0x90, b"\0\x01", b"\0"),
    ("unsubscribe", 0xa2, b"\0\x01", b"\0\x01f"),
    ("unsuback", 0xb0, b"\0\x01", b"\0"),
    ("disconnect", 0xe0, b"\0", b""),
    ("auth", 0xf0, b"\0", b""),
];

/// Each property in each packet: accepted where table 2-4 has it, else misplaced.
#[test]
fn property_placement_is_table_2_4() {
    for (property, places) in PROPERTIES {
        for (name, first, before, after) in PACKETS {
            let id = property[0];
            // Authentication data needs its method.
            let mut block = property.to_vec();
            if id == 0x16 && places.split(' ').any(|place| place == name) {
                block.extend_from_slice(b"\x15\0\x01m");
            }
            let mut once = before.to_vec();
            once.push(block.len() as u8);
            once.extend_from_slice(&block);
            once.extend_from_slice(after);
            let once = packet_of(first, &once);
            if !places.split(' ').any(|place| place == name) {
                refused(&once, V5, E::PropertyMisplaced(id), R::MalformedPacket);
                continue;
            }
            assert!(whole(&once, V5).is_ok(), "{id:#x} in {name}");
            let mut twice = before.to_vec();
            twice.push((block.len() + property.len()) as u8);
            twice.extend_from_slice(&block);
            twice.extend_from_slice(property);
            twice.extend_from_slice(after);
            let twice = packet_of(first, &twice);
            if id == 0x26 || id == SUBSCRIPTION_ID && name == "publish" {
                assert!(whole(&twice, V5).is_ok(), "{id:#x} twice in {name}");
            } else {
                refused(&twice, V5, E::PropertyRepeated(id), R::ProtocolError);
            }
        }
    }
}

#[test]
fn publish_heads() {
    refused_by_both(b"\x36\x05\0\x01a\0\x01", E::QoSReserved, R::MalformedPacket);
    refused_by_both(b"\x38\x04\0\x01a\0", E::DupAtQoS0, R::MalformedPacket);
    refused_by_both(b"\x32\x05\0\x01a\0\0", E::PacketIdZero, R::ProtocolError);
    refused_by_both(b"\x32\x04\0\x01a\x01", E::Truncated, R::MalformedPacket);
    refused_by_both(b"\x30\x02\0\x05", E::Truncated, R::MalformedPacket);
    refused(b"\x30\x03\0\x01a", V5, E::Truncated, R::MalformedPacket);
}

#[test]
fn publish_topics() {
    for topic in [&b"a/+"[..], b"#", b"a+b", b"a#"] {
        let mut body = vec![0, topic.len() as u8];
        body.extend_from_slice(topic);
        body.push(0);
        let error = E::TopicName(TopicError::Wildcard);
        refused_by_both(&packet_of(0x30, &body), error, R::TopicNameInvalid);
    }
    refused_by_both(b"\x30\x05\0\x02a\0\0", E::NulCharacter, R::MalformedPacket);
    // Overlong encoding, surrogate, beyond U+10FFFF, cut off.
    for bad in [
        &b"\xc0\x80"[..],
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ] {
        let mut body = vec![0, bad.len() as u8];
        body.extend_from_slice(bad);
        body.push(0);
        refused_by_both(&packet_of(0x30, &body), E::Utf8, R::MalformedPacket);
    }
    let empty = E::TopicName(TopicError::Empty);
    assert_eq!(whole(b"\x30\x03\0\0x", V311), Err(empty));
    refused(b"\x30\x03\0\0\0", V5, E::TopicMissing, R::ProtocolError);
}

#[test]
fn publish_properties() {
    let with = |block: &[u8]| {
        let mut body = vec![0, 1, b'a', block.len() as u8];
        body.extend_from_slice(block);
        packet_of(0x30, &body)
    };
    let zero = with(&[ALIAS, 0, 0]);
    refused(&zero, V5, E::TopicAliasZero, R::TopicAliasInvalid);
    let id = E::PropertyValue(SUBSCRIPTION_ID);
    refused(&with(&[SUBSCRIPTION_ID, 0]), V5, id, R::ProtocolError);
    let overlong = with(&[SUBSCRIPTION_ID, 0x80, 0]);
    refused(&overlong, V5, E::VariableByteInteger, R::MalformedPacket);
    refused(
        &with(b"\x01\x02"),
        V5,
        E::PropertyValue(1),
        R::ProtocolError,
    );
    let topic = E::TopicName(TopicError::Wildcard);
    refused(&with(b"\x08\0\x01#"), V5, topic, R::TopicNameInvalid);
    refused(
        &with(&[EXPIRY, 0, 0, 0]),
        V5,
        E::Truncated,
        R::MalformedPacket,
    );
    // The property length runs past the packet.
    let past = packet_of(0x30, b"\0\x01a\x05\x01");
    refused(&past, V5, E::Truncated, R::MalformedPacket);
}

#[test]
fn acknowledgements() {
    refused_by_both(b"\x40\x02\0\0", E::PacketIdZero, R::ProtocolError);
    refused_by_both(b"\x40\x01\x01", E::Truncated, R::MalformedPacket);
    refused(
        b"\x40\x03\0\x01\0",
        V311,
        E::TrailingBytes,
        R::MalformedPacket,
    );
    refused(
        b"\x40\x03\0\x01\x92",
        V5,
        E::ReasonCode(0x92),
        R::MalformedPacket,
    );
    refused(
        b"\x62\x03\0\x01\x10",
        V5,
        E::ReasonCode(0x10),
        R::MalformedPacket,
    );
    refused(
        b"\x40\x03\0\x01\x7f",
        V5,
        E::ReasonCode(0x7f),
        R::MalformedPacket,
    );
    refused(
        b"\x40\x05\0\x01\0\0\0",
        V5,
        E::TrailingBytes,
        R::MalformedPacket,
    );
}

#[test]
fn subscriptions() {
    refused(b"\x82\x02\0\x01", V311, E::ListEmpty, R::ProtocolError);
    refused(b"\x82\x03\0\x01\0", V5, E::ListEmpty, R::ProtocolError);
    refused(b"\xa2\x02\0\x01", V311, E::ListEmpty, R::ProtocolError);
    refused(b"\xa2\x03\0\x01\0", V5, E::ListEmpty, R::ProtocolError);
    let cases = [
        (V311, 0x04, R::ProtocolError),
        (V311, 0x03, R::ProtocolError),
        (V311, 0x80, R::MalformedPacket),
        (V5, 0x03, R::ProtocolError),
        (V5, 0x30, R::ProtocolError),
        (V5, 0x40, R::MalformedPacket),
    ];
    for (version, options, reason) in cases {
        let mut body = vec![0, 1];
        if version == V5 {
            body.push(0);
        }
        body.extend_from_slice(&[0, 1, b'a', options]);
        let error = E::SubscriptionOptions(options);
        refused(&packet_of(0x82, &body), version, error, reason);
    }
    let no_local = packet_of(0x82, b"\0\x01\0\0\x0a$share/g/a\x04");
    refused(&no_local, V5, E::NoLocalOnShared, R::ProtocolError);
    let no_options = packet_of(0x82, b"\0\x01\0\x01a");
    refused(&no_options, V311, E::Truncated, R::MalformedPacket);
    let id = packet_of(0x82, b"\0\x01\x02\x0b\0\0\x01a\0");
    refused(&id, V5, E::PropertyValue(SUBSCRIPTION_ID), R::ProtocolError);
}

#[test]
fn filters() {
    for (filter, error) in [
        ("", TopicError::Empty),
        ("a/#/b", TopicError::WildcardPlace),
        ("$share/g", TopicError::ShareFilter),
        ("$share//a", TopicError::ShareName),
    ] {
        let mut body = vec![0, 1, 0, filter.len() as u8];
        body.extend_from_slice(filter.as_bytes());
        let error = E::TopicFilter(error);
        refused(&packet_of(0xa2, &body), V311, error, R::TopicFilterInvalid);
        body.push(0);
        refused(&packet_of(0x82, &body), V311, error, R::TopicFilterInvalid);
    }
}

#[test]
fn answers() {
    refused_by_both(b"\x20\x02\x02\0", E::ReservedFlags(2), R::MalformedPacket);
    refused(
        b"\x20\x02\0\x06",
        V311,
        E::ReasonCode(6),
        R::MalformedPacket,
    );
    refused(b"\x20\x02\0\x06", V5, E::ReasonCode(6), R::MalformedPacket);
    let refusal = E::SessionPresentInRefusal;
    refused(b"\x20\x02\x01\x05", V311, refusal, R::ProtocolError);
    refused(b"\x20\x03\x01\x87\0", V5, refusal, R::ProtocolError);
    refused(b"\x20\x02\0\0", V5, E::Truncated, R::MalformedPacket);
    refused(
        b"\x90\x03\0\x01\x03",
        V311,
        E::ReasonCode(3),
        R::MalformedPacket,
    );
    refused(b"\x90\x02\0\x01", V311, E::ListEmpty, R::ProtocolError);
    refused(
        b"\x90\x04\0\x01\0\x11",
        V5,
        E::ReasonCode(0x11),
        R::MalformedPacket,
    );
    refused(b"\xb0\x03\0\x01\0", V5, E::ListEmpty, R::ProtocolError);
    refused(
        b"\xb0\x03\0\x01\0",
        V311,
        E::TrailingBytes,
        R::MalformedPacket,
    );
}

#[test]
fn packets_without_a_body() {
    refused_by_both(b"\xc0\x01\0", E::TrailingBytes, R::MalformedPacket);
    refused_by_both(b"\xd0\x01\0", E::TrailingBytes, R::MalformedPacket);
    refused(b"\xe0\x01\0", V311, E::TrailingBytes, R::MalformedPacket);
    refused(b"\xe0\x01\x01", V5, E::ReasonCode(1), R::MalformedPacket);
    refused(b"\xe0\x03\0\0\0", V5, E::TrailingBytes, R::MalformedPacket);
    refused(b"\xf0\x01\x18", V5, E::Truncated, R::MalformedPacket);
    refused(b"\xf0\x01\x80", V5, E::ReasonCode(0x80), R::MalformedPacket);
}
