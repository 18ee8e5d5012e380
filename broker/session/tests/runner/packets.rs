//! A client's packet from a script line, as bytes and back, so that scripts run through the real codec.

use std::num::NonZeroU16;

use quorate_codec::{
    Acknowledgement, Auth, ConnAck, Connect, DecodeLimits, Decoded, Disconnect, Filters, Packet,
    PublishBody, PublishHead, QoS, ReasonCode, ReasonCodes, ReasonProperties, SubAck, Subscribe,
    SubscribeProperties, Subscription, SubscriptionFilter, SubscriptionOptions, Subscriptions,
    UnsubAck, Unsubscribe, UserProperties, Version, decode as decode_packet,
    encode as encode_packet, encode_publish,
};

use crate::words::Words;

/// The packet's bytes.
pub(crate) fn encode(words: &Words<'_>, version: Version) -> Vec<u8> {
    let mut out = vec![];
    match words.verb() {
        "publish" => publish(words, version, &mut out),
        "subscribe" => subscribe(words, version, &mut out),
        "unsubscribe" => unsubscribe(words, version, &mut out),
        _ => encode_packet(&simple(words, version), version, &mut out).unwrap(),
    }
    out
}

/// The packet of the bytes.
pub(crate) fn decode(bytes: &[u8], version: Version) -> Packet<'_> {
    match decode_packet(bytes, version, &DecodeLimits::default()).unwrap() {
        Decoded::Packet { packet, .. } => packet,
        Decoded::Incomplete { .. } => panic!("half a packet"),
    }
}

fn simple(words: &Words<'_>, version: Version) -> Packet<'static> {
    let ack = || Acknowledgement::new(words.packet_id(), words.reason());
    let suback = || SubAck {
        packet_id: NonZeroU16::MIN,
        reasons: ReasonCodes::new(&[ReasonCode::Success]),
        properties: ReasonProperties::default(),
    };
    match words.verb() {
        "puback" => Packet::PubAck(ack()),
        "pubrec" => Packet::PubRec(ack()),
        "pubrel" => Packet::PubRel(ack()),
        "pubcomp" => Packet::PubComp(ack()),
        "pingreq" => Packet::PingReq,
        "pingresp" => Packet::PingResp,
        "connect-again" => Packet::Connect(Connect::new(version, "again")),
        "connack" => Packet::ConnAck(ConnAck::refusal(ReasonCode::ServerBusy)),
        "auth" => Packet::Auth(Auth::new(ReasonCode::ReAuthenticate)),
        "suback" => Packet::SubAck(suback()),
        "unsuback" => Packet::UnsubAck(UnsubAck {
            packet_id: NonZeroU16::MIN,
            reasons: ReasonCodes::new(&[ReasonCode::Success]),
            properties: ReasonProperties::default(),
        }),
        "disconnect" => {
            let mut disconnect = Disconnect::new(words.reason());
            disconnect.properties.session_expiry_seconds =
                words.value("expiry").map(|seconds| seconds as u32);
            Packet::Disconnect(disconnect)
        }
        verb => panic!("no such input: {verb}"),
    }
}

fn publish(words: &Words<'_>, version: Version, out: &mut Vec<u8>) {
    let id = words
        .value("id")
        .map(|id| NonZeroU16::new(id as u16).unwrap());
    let ids: Vec<_> = words
        .value("identifier")
        .into_iter()
        .map(|id| id as u32)
        .collect();
    let head = PublishHead {
        dup: words.has("dup"),
        retain: words.has("retain"),
        topic_alias: words
            .value("alias")
            .and_then(|alias| NonZeroU16::new(alias as u16)),
        subscription_ids: &ids,
        ..PublishHead::new(words.qos(), id)
    };
    let user_properties = words.value("user-properties").unwrap_or(0) as usize;
    let body = PublishBody {
        topic: words.text("topic").unwrap_or("t"),
        properties: &[0x26, 0, 1, b'k', 0, 1, b'v'].repeat(user_properties),
        payload: b"payload",
    };
    encode_publish(&head, &body, version, out).unwrap();
}

fn subscribe(words: &Words<'_>, version: Version, out: &mut Vec<u8>) {
    let list: Vec<_> = words
        .rest()
        .iter()
        .filter_map(|word| word.split_once(':'))
        .map(|(filter, qos)| Subscription {
            filter: SubscriptionFilter::parse(filter).unwrap(),
            options: SubscriptionOptions::at(QoS::from_bits(qos.parse().unwrap()).unwrap()),
        })
        .collect();
    let packet = Packet::Subscribe(Subscribe {
        packet_id: id(words),
        subscriptions: Subscriptions::new(&list),
        properties: SubscribeProperties {
            subscription_id: words.value("identifier").map(|id| id as u32),
            user_properties: UserProperties::default(),
        },
    });
    encode_packet(&packet, version, out).unwrap();
}

fn unsubscribe(words: &Words<'_>, version: Version, out: &mut Vec<u8>) {
    let list: Vec<_> = words
        .rest()
        .iter()
        .filter(|word| !word.contains('='))
        .map(|filter| SubscriptionFilter::parse(filter).unwrap())
        .collect();
    let packet = Packet::Unsubscribe(Unsubscribe {
        packet_id: id(words),
        filters: Filters::new(&list),
        user_properties: UserProperties::default(),
    });
    encode_packet(&packet, version, out).unwrap();
}

fn id(words: &Words<'_>) -> NonZeroU16 {
    NonZeroU16::new(words.value("id").unwrap() as u16).unwrap()
}
