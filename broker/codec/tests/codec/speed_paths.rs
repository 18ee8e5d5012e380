//! The short ways of the hot path say what the long way says; what the wire cannot hold is refused whole.

use quorate_codec::*;

use crate::{V5, V311};

const KINDS: [AckKind; 4] = [
    AckKind::PubAck,
    AckKind::PubRec,
    AckKind::PubRel,
    AckKind::PubComp,
];

fn long_way(kind: AckKind, reason: ReasonCode, version: Version) -> Vec<u8> {
    let ack = Acknowledgement::new(PacketId::MAX, reason);
    let packet = match kind {
        AckKind::PubAck => Packet::PubAck(ack),
        AckKind::PubRec => Packet::PubRec(ack),
        AckKind::PubRel => Packet::PubRel(ack),
        AckKind::PubComp => Packet::PubComp(ack),
    };
    let mut out = Vec::new();
    encode(&packet, version, &mut out).expect("encodes");
    out
}

#[test]
fn acknowledgements() {
    for kind in KINDS {
        let mut out = Vec::new();
        encode_ack(kind, PacketId::MAX, &mut out);
        assert_eq!(out, long_way(kind, ReasonCode::Success, V311));
        assert_eq!(out, long_way(kind, ReasonCode::Success, V5));
        for version in [V311, V5] {
            for reason in [ReasonCode::Success, ReasonCode::PacketIdentifierNotFound] {
                out.clear();
                encode_ack_with_reason(kind, PacketId::MAX, reason, version, &mut out);
                assert_eq!(out, long_way(kind, reason, version));
            }
        }
    }
}

#[test]
fn pings() {
    let mut out = Vec::new();
    encode_pingreq(&mut out);
    encode_pingresp(&mut out);
    assert_eq!(out, b"\xc0\0\xd0\0");
}

fn refused(head: &PublishHead<'_>, topic: &str) -> EncodeError {
    let body = PublishBody {
        topic,
        properties: &[],
        payload: b"x",
    };
    let mut out = b"before".to_vec();
    let error = encode_publish(head, &body, V5, &mut out).expect_err("refused");
    assert_eq!(out, b"before");
    error
}

#[test]
fn publish_that_the_wire_cannot_hold() {
    let head = PublishHead::new(QoS::AtMostOnce, None);
    let topic = "a".repeat(65_536);
    let too_long = EncodeError::FieldTooLong {
        field_bytes: 65_536,
    };
    assert_eq!(refused(&head, &topic), too_long);
    let no_id = PublishHead::new(QoS::AtLeastOnce, None);
    assert_eq!(refused(&no_id, "a"), EncodeError::PacketId);
    let id = PublishHead::new(QoS::AtMostOnce, Some(PacketId::MIN));
    assert_eq!(refused(&id, "a"), EncodeError::PacketId);
    for ids in [[0], [SUBSCRIPTION_ID_MAX + 1]] {
        let mut head = head;
        head.subscription_ids = &ids;
        assert_eq!(refused(&head, "a"), EncodeError::SubscriptionId);
    }
}

#[test]
fn packets_that_the_wire_cannot_hold() {
    let long = "a".repeat(65_536);
    let mut connect = Connect::new(V5, "c");
    connect.user_name = Some(&long);
    let mut out = b"before".to_vec();
    assert!(encode(&Packet::Connect(connect), V5, &mut out).is_err());
    let auth = Packet::Auth(Auth::new(ReasonCode::Success));
    assert_eq!(
        encode(&auth, V311, &mut out),
        Err(EncodeError::NotInVersion)
    );
    assert_eq!(out, b"before");
}
