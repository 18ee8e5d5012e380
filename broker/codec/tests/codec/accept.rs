//! Hand-made packets that must be accepted, with what they say.

use std::num::{NonZeroU16, NonZeroU32};

use quorate_codec::*;

use crate::{V5, V311, connect_of, packet_of, whole};

fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("not 0")
}

fn connect(bytes: &[u8]) -> Connect<'_> {
    match decode_connect(bytes, &DecodeLimits::default()) {
        Ok(Decoded::Packet { packet, consumed }) => {
            assert_eq!(consumed, bytes.len());
            packet
        }
        other => panic!("{other:?}"),
    }
}

fn publish(bytes: &[u8], version: Version) -> Publish<'_> {
    match whole(bytes, version) {
        Ok(Packet::Publish(publish)) => publish,
        other => panic!("{other:?}"),
    }
}

#[test]
fn connect_of_311() {
    let bytes = connect_of(
        V311,
        0b1110_1110,
        b"\0\x01c\0\x03w/t\0\x02hi\0\x01u\0\x02pw",
    );
    let packet = connect(&bytes);
    assert_eq!(packet.version, V311);
    assert!(packet.clean_start);
    assert_eq!(packet.keep_alive_seconds, 60);
    assert_eq!((packet.client_id, packet.user_name), ("c", Some("u")));
    assert_eq!(packet.password, Some(Password(b"pw")));
    let will = packet.will.expect("a will");
    assert_eq!((will.qos, will.retain), (QoS::AtLeastOnce, true));
    assert_eq!((will.topic.as_str(), will.payload), ("w/t", &b"hi"[..]));
    assert_eq!(packet.session_expiry_seconds(), 0);
    assert!(!format!("{packet:?}").contains("112, 119"), "the password");
    assert!(!format!("{packet:?}").contains("pw"), "the password");
}

#[test]
fn clean_session_becomes_an_expiry() {
    let kept = connect_of(V311, 0, b"\0\x01c");
    assert_eq!(connect(&kept).session_expiry_seconds(), EXPIRY_NEVER);
    let short = connect_of(V5, 0, b"\x05\x11\0\0\0\x07\0\x01c");
    assert_eq!(connect(&short).session_expiry_seconds(), 7);
    let none = connect_of(V5, 0, b"\0\0\x01c");
    assert_eq!(connect(&none).session_expiry_seconds(), 0);
}

#[test]
fn empty_client_ids() {
    assert_eq!(connect(&connect_of(V311, 2, b"\0\0")).client_id, "");
    assert_eq!(connect(&connect_of(V5, 0, b"\0\0\0")).client_id, "");
}

#[test]
fn connect_of_31() {
    let bytes = connect_of(Version::V31, 2, b"\0\x03abc");
    assert_eq!(connect(&bytes).version, Version::V31);
}

#[test]
fn connect_of_5_with_everything() {
    let mut properties = Vec::new();
    properties.extend_from_slice(b"\x11\0\0\x0e\x10\x21\0\x14\x27\0\0\x04\0\x22\0\x0a");
    properties.extend_from_slice(b"\x19\x01\x17\0\x26\0\x01a\0\x01b\x15\0\x01m\x16\0\x01d");
    properties.extend_from_slice(b"\x26\0\x01a\0\x01c");
    let mut rest = vec![properties.len() as u8];
    rest.extend_from_slice(&properties);
    rest.extend_from_slice(b"\0\x01c");
    rest.extend_from_slice(b"\x0f\x18\0\0\0\x05\x01\x01\x02\0\0\0\x09\x03\0\0");
    rest.extend_from_slice(b"\0\x01w\0\0\0\x02pw");
    // A password without user name is legal in MQTT 5.
    let bytes = connect_of(V5, 0b0101_0100, &rest);
    let packet = connect(&bytes);
    let said = packet.properties;
    assert_eq!(said.session_expiry_seconds, Some(3600));
    assert_eq!(said.receive_maximum, NonZeroU16::new(20));
    assert_eq!(said.maximum_packet_bytes, NonZeroU32::new(1024));
    assert_eq!(said.topic_alias_maximum, 10);
    assert!(said.request_response_information && !said.request_problem_information);
    assert_eq!(said.authentication_method, Some("m"));
    assert_eq!(said.authentication_data, Some(&b"d"[..]));
    let users: Vec<_> = said.user_properties.iter().collect();
    assert_eq!(users, [("a", "b"), ("a", "c")]);
    let will = packet.will.expect("a will");
    assert_eq!(will.qos, QoS::ExactlyOnce);
    assert_eq!(will.properties.delay_seconds, 5);
    assert_eq!(will.properties.expiry_seconds, Some(9));
    let mut travelling = Vec::new();
    will.properties.message().append_to(&mut travelling);
    assert_eq!(travelling, b"\x01\x01\x03\0\0");
    assert_eq!(
        (packet.user_name, packet.password),
        (None, Some(Password(b"pw")))
    );
}

#[test]
fn connack_of_both_versions() {
    let Ok(Packet::ConnAck(old)) = whole(b"\x20\x02\x01\x00", V311) else {
        panic!()
    };
    assert!(old.session_present && old.reason == ReasonCode::Success);
    let Ok(Packet::ConnAck(refused)) = whole(b"\x20\x02\x00\x05", V311) else {
        panic!()
    };
    assert_eq!(refused.reason, ReasonCode::NotAuthorized);
    let bytes = packet_of(0x20, b"\0\0\x0b\x24\x01\x25\0\x12\0\x01x\x13\0\x09");
    let Ok(Packet::ConnAck(new)) = whole(&bytes, V5) else {
        panic!()
    };
    assert_eq!(new.properties.maximum_qos, QoS::AtLeastOnce);
    assert!(!new.properties.retain_available && new.properties.wildcard_available);
    assert_eq!(new.properties.assigned_client_id, Some("x"));
    assert_eq!(new.properties.server_keep_alive_seconds, Some(9));
}

#[test]
fn publish_of_311() {
    let bytes = packet_of(0x3b, b"\0\x03a/b\0\x0ahello");
    let packet = publish(&bytes, V311);
    assert!(packet.dup && packet.retain);
    assert_eq!(packet.qos, QoS::AtLeastOnce);
    assert_eq!(packet.packet_id, Some(id(10)));
    assert_eq!((packet.topic, packet.payload), ("a/b", &b"hello"[..]));
    let empty = packet_of(0x30, b"\0\x01a");
    assert_eq!(publish(&empty, V311).payload, b"");
}

#[test]
fn publish_of_5_keeps_apart_what_travels() {
    let block =
        b"\x02\0\0\0\x05\x01\x01\x0b\x81\x01\x23\0\x07\x26\0\x01k\0\x01v\x0b\x02\x03\0\x01t";
    let mut body = b"\0\x01a".to_vec();
    body.push(block.len() as u8);
    body.extend_from_slice(block);
    body.extend_from_slice(b"payload");
    let bytes = packet_of(0x30, &body);
    let packet = publish(&bytes, V5);
    let properties = packet.properties;
    assert_eq!(properties.topic_alias, NonZeroU16::new(7));
    assert_eq!(properties.expiry_seconds, Some(5));
    assert!(properties.has_subscription_ids());
    assert_eq!(properties.subscription_ids().collect::<Vec<_>>(), [129, 2]);
    let message = properties.message();
    let mut travelling = Vec::new();
    message.append_to(&mut travelling);
    assert_eq!(travelling, b"\x01\x01\x26\0\x01k\0\x01v\x03\0\x01t");
    assert_eq!(message.len(), travelling.len());
    assert_eq!(message.as_wire(), None);
    let stored = MessageProperties::parse(&travelling).expect("its own wire form");
    assert_eq!(stored, message);
    assert_eq!(stored.as_wire(), Some(&travelling[..]));
    let fields = message.fields();
    assert_eq!(fields.payload_format, Some(PayloadFormat::Utf8));
    assert_eq!(fields.content_type, Some("t"));
    assert_eq!(fields.user_properties, UserProperties::new(&[("k", "v")]));
    assert_eq!(packet.payload, b"payload");
}

#[test]
fn publish_by_alias_and_expired_at_once() {
    let bytes = packet_of(0x30, b"\0\0\x03\x23\0\x01x");
    assert_eq!(publish(&bytes, V5).topic, "");
    let bytes = packet_of(0x30, b"\0\x01a\x05\x02\0\0\0\0");
    assert_eq!(publish(&bytes, V5).properties.expiry_seconds, Some(0));
    // Only what does not travel: nothing travels.
    assert!(publish(&bytes, V5).properties.message().is_empty());
}

#[test]
fn acknowledgements_may_be_short() {
    let plain = Acknowledgement::success(id(10));
    assert_eq!(whole(b"\x40\x02\0\x0a", V311), Ok(Packet::PubAck(plain)));
    assert_eq!(whole(b"\x40\x02\0\x0a", V5), Ok(Packet::PubAck(plain)));
    let reason = Acknowledgement::new(id(10), ReasonCode::NoMatchingSubscribers);
    assert_eq!(whole(b"\x50\x03\0\x0a\x10", V5), Ok(Packet::PubRec(reason)));
    assert_eq!(
        whole(b"\x50\x04\0\x0a\x10\0", V5),
        Ok(Packet::PubRec(reason))
    );
    let gone = Acknowledgement::new(id(10), ReasonCode::PacketIdentifierNotFound);
    assert_eq!(whole(b"\x62\x03\0\x0a\x92", V5), Ok(Packet::PubRel(gone)));
    let bytes = packet_of(0x70, b"\0\x0a\x92\x0b\x1f\0\x01r\x26\0\x01a\0\x01b");
    let Ok(Packet::PubComp(ack)) = whole(&bytes, V5) else {
        panic!()
    };
    assert_eq!(ack.properties.reason_string, Some("r"));
    assert_eq!(
        ack.properties.user_properties,
        UserProperties::new(&[("a", "b")])
    );
}

#[test]
fn subscribe_of_both_versions() {
    let bytes = packet_of(0x82, b"\0\x01\0\x03a/#\x01\0\x01+\x02");
    let Ok(Packet::Subscribe(old)) = whole(&bytes, V311) else {
        panic!()
    };
    let wanted: Vec<_> = old.subscriptions.iter().collect();
    assert_eq!(wanted.len(), 2);
    assert_eq!(wanted[0].filter.as_str(), "a/#");
    assert_eq!(wanted[1].options, SubscriptionOptions::at(QoS::ExactlyOnce));

    let bytes = packet_of(0x82, b"\0\x01\x02\x0b\x09\0\x0a$share/g/a\x19\0\x01b\x2e");
    let Ok(Packet::Subscribe(new)) = whole(&bytes, V5) else {
        panic!()
    };
    assert_eq!(new.properties.subscription_id, Some(9));
    let wanted: Vec<_> = new.subscriptions.iter().collect();
    assert_eq!(wanted[0].filter.group(), Some("g"));
    assert_eq!(wanted[0].filter.filter().as_str(), "a");
    let options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    assert_eq!(wanted[1].options, options);
    assert_eq!(options.to_byte(), 0x2e);
}

#[test]
fn mqtt_31_sets_dup_where_311_does_not() {
    let bytes = packet_of(0x8a, b"\0\x01\0\x01a\x01");
    assert!(whole(&bytes, Version::V31).is_ok());
    assert_eq!(whole(&bytes, V311), Err(DecodeError::HeaderFlags(0x8a)));
}

#[test]
fn answers_with_lists() {
    let Ok(Packet::SubAck(old)) = whole(b"\x90\x04\0\x01\x01\x80", V311) else {
        panic!()
    };
    let codes = [ReasonCode::GrantedQoS1, ReasonCode::UnspecifiedError];
    assert_eq!(old.reasons, ReasonCodes::new(&codes));
    assert!(whole(b"\x90\x05\0\x01\0\x02\xa2", V5).is_ok());
    assert!(whole(b"\xb0\x02\0\x01", V311).is_ok());
    assert!(whole(b"\xb0\x05\0\x01\0\0\x11", V5).is_ok());
}

#[test]
fn disconnect_may_be_short() {
    let normal = Packet::Disconnect(Disconnect::new(ReasonCode::NORMAL_DISCONNECTION));
    assert_eq!(whole(b"\xe0\0", V311), Ok(normal));
    assert_eq!(whole(b"\xe0\0", V5), Ok(normal));
    let will = Packet::Disconnect(Disconnect::new(ReasonCode::DisconnectWithWill));
    assert_eq!(whole(b"\xe0\x01\x04", V5), Ok(will));
    let Ok(Packet::Disconnect(long)) = whole(b"\xe0\x07\0\x05\x11\0\0\0\x09", V5) else {
        panic!()
    };
    assert_eq!(long.properties.session_expiry_seconds, Some(9));
}

#[test]
fn auth_may_be_short() {
    let short = Packet::Auth(Auth::new(ReasonCode::Success));
    assert_eq!(whole(b"\xf0\0", V5), Ok(short));
    let Ok(Packet::Auth(long)) = whole(b"\xf0\x0a\x18\x08\x15\0\x01m\x16\0\x01d", V5) else {
        panic!()
    };
    assert_eq!(long.authentication_method, Some("m"));
    assert_eq!(long.authentication_data, Some(&b"d"[..]));
    assert!(!format!("{long:?}").contains("100"), "the data");
}

#[test]
fn pings_are_two_bytes() {
    assert_eq!(whole(b"\xc0\0", V311), Ok(Packet::PingReq));
    assert_eq!(whole(b"\xd0\0", V5), Ok(Packet::PingResp));
}

#[test]
fn every_reason_code_is_somewhere() {
    let kinds = [
        PacketKind::ConnAck,
        PacketKind::PubAck,
        PacketKind::PubRel,
        PacketKind::SubAck,
        PacketKind::UnsubAck,
        PacketKind::Disconnect,
        PacketKind::Auth,
    ];
    assert_eq!(ReasonCode::ALL.len(), 43);
    for &code in ReasonCode::ALL {
        assert_eq!(ReasonCode::from_u8(code as u8), Some(code));
        assert!(
            kinds.iter().any(|&kind| code.is_allowed_in(kind)),
            "{code:?}"
        );
        assert!(code.connack_v311() <= 5);
    }
}

#[test]
fn unicode_is_taken_as_it_is() {
    // U+FEFF is not stripped, and no character is normalised (MQTT-1.5.4-3, MQTT-4.7.3-4).
    let text = "\u{feff}e\u{301}é🜁";
    let length = u8::try_from(text.len()).expect("short");
    let bytes = [&[0x30, length + 2, 0, length], text.as_bytes()].concat();
    assert_eq!(publish(&bytes, V311).topic, text);
    let bytes = [&[0x30, length + 3, 0, length], text.as_bytes(), &[0]].concat();
    assert_eq!(publish(&bytes, V5).topic, text);
}
