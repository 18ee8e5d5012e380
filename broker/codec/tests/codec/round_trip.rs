//! decode(encode(p)) = p, for every packet in every version, whole and cut anywhere.

use std::num::{NonZeroU16, NonZeroU32};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_codec::*;

use crate::round_trip;

type Pairs = Vec<(String, String)>;

/// Any string that MQTT allows.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().filter(|c| *c != '\0').collect())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

fn topic() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("t{}", text.replace(['+', '#'], "/")))
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just("+".to_owned()), Just(String::new()), topic()];
    let levels = (vec(level, 1..4), any::<bool>(), any::<bool>());
    levels.prop_map(|(levels, deep, shared)| {
        let mut filter = format!("a/{}", levels.join("/"));
        if deep {
            filter.push_str("/#");
        }
        if shared {
            filter.insert_str(0, "$share/group/");
        }
        filter
    })
}

fn pairs() -> impl Strategy<Value = Pairs> {
    vec((text(), text()), 0..4)
}

fn qos() -> impl Strategy<Value = QoS> {
    (0..3_u8).prop_map(|bits| QoS::from_bits(bits).expect("below 3"))
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).expect("not 0"))
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V31), Just(Version::V311), Just(Version::V5)]
}

fn reason(kind: PacketKind) -> impl Strategy<Value = ReasonCode> {
    let allowed = ReasonCode::ALL.iter().copied();
    proptest::sample::select(
        allowed
            .filter(|code| code.is_allowed_in(kind))
            .collect::<Vec<_>>(),
    )
}

fn borrowed(pairs: &Pairs) -> Vec<(&str, &str)> {
    pairs
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect()
}

/// The wire form of properties that travel with a message.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let fields = (
        option::of(any::<bool>()),
        option::of(text()),
        option::of(topic()),
        option::of(bytes()),
        pairs(),
    );
    fields.prop_map(|(utf8, content_type, response_topic, correlation, users)| {
        let users = borrowed(&users);
        let fields = MessageFields {
            payload_format: utf8.map(|utf8| {
                if utf8 {
                    PayloadFormat::Utf8
                } else {
                    PayloadFormat::Bytes
                }
            }),
            content_type: content_type.as_deref(),
            response_topic: response_topic.as_deref(),
            correlation_data: correlation.as_deref(),
            user_properties: UserProperties::new(&users),
        };
        let mut block = Vec::new();
        fields.append_to(&mut block).expect("short fields");
        let parsed = MessageProperties::parse(&block).expect("its own wire form");
        assert_eq!(parsed.fields(), fields);
        assert_eq!(parsed.as_wire(), Some(&block[..]));
        block
    })
}

fn reason_properties<'a>(
    version: Version,
    words: &'a Option<String>,
    users: &'a [(&'a str, &'a str)],
) -> ReasonProperties<'a> {
    if !version.is_v5() {
        return ReasonProperties::NONE;
    }
    ReasonProperties {
        reason_string: words.as_deref(),
        user_properties: UserProperties::new(users),
    }
}

proptest! {
    #[test]
    fn connect(
        version in version(),
        client_id in text(),
        (clean_start, keep_alive_seconds) in any::<(bool, u16)>(),
        will in option::of((qos(), any::<bool>(), topic(), bytes(), any::<u32>(), option::of(any::<u32>()), message())),
        (user_name, password) in (option::of(text()), option::of(bytes())),
        numbers in any::<(Option<u32>, Option<NonZeroU16>, Option<NonZeroU32>, u16, bool, bool)>(),
        (method, data, users) in (option::of(text()), option::of(bytes()), pairs()),
    ) {
        let users = borrowed(&users);
        let mut packet = Connect::new(version, &client_id);
        packet.clean_start = clean_start;
        packet.keep_alive_seconds = keep_alive_seconds;
        packet.user_name = user_name.as_deref();
        packet.password = password.as_deref().map(Password);
        packet.will = will.as_ref().map(|(qos, retain, topic, payload, delay, expiry, block)| Will {
            qos: *qos,
            retain: *retain,
            topic: TopicName::parse(topic).unwrap(),
            payload,
            properties: if version.is_v5() {
                WillProperties::new(*delay, *expiry, MessageProperties::parse(block).unwrap())
            } else {
                WillProperties::default()
            },
        });
        if version.is_v5() {
            packet.properties = ConnectProperties {
                session_expiry_seconds: numbers.0,
                receive_maximum: numbers.1,
                maximum_packet_bytes: numbers.2,
                topic_alias_maximum: numbers.3,
                request_response_information: numbers.4,
                request_problem_information: numbers.5,
                authentication_method: method.as_deref(),
                authentication_data: method.as_ref().and(data.as_deref()),
                user_properties: UserProperties::new(&users),
            };
        } else {
            // What older versions do not allow.
            packet.password = packet.user_name.and(packet.password);
            if packet.client_id.is_empty() {
                packet.client_id = "c";
            }
        }
        round_trip(&Packet::Connect(packet), version);
    }

    #[test]
    fn connack(
        session_present in any::<bool>(),
        reason in reason(PacketKind::ConnAck),
        maximum_qos in qos(),
        numbers in any::<(Option<u32>, Option<NonZeroU16>, Option<NonZeroU32>, u16, Option<u16>)>(),
        available in any::<[bool; 4]>(),
        strings in [option::of(text()), option::of(text()), option::of(text()), option::of(text()), option::of(text())],
        (data, users) in (option::of(bytes()), pairs()),
    ) {
        let users = borrowed(&users);
        let session_present = session_present && reason == ReasonCode::Success;
        let properties = ConnAckProperties {
            session_expiry_seconds: numbers.0,
            receive_maximum: numbers.1,
            maximum_qos,
            retain_available: available[0],
            maximum_packet_bytes: numbers.2,
            assigned_client_id: strings[0].as_deref(),
            topic_alias_maximum: numbers.3,
            reason_string: strings[1].as_deref(),
            wildcard_available: available[1],
            subscription_ids_available: available[2],
            shared_available: available[3],
            server_keep_alive_seconds: numbers.4,
            response_information: strings[2].as_deref(),
            server_reference: strings[3].as_deref(),
            authentication_method: strings[4].as_deref(),
            authentication_data: strings[4].as_ref().and(data.as_deref()),
            user_properties: UserProperties::new(&users),
        };
        round_trip(&Packet::ConnAck(ConnAck { session_present, reason, properties }), Version::V5);
        // An older version knows six reasons.
        let known = ReasonCode::from_connack_v311(reason.connack_v311()).unwrap();
        let mut old = ConnAck::refusal(known);
        old.session_present = session_present;
        round_trip(&Packet::ConnAck(old), Version::V311);
    }

    #[test]
    fn publish(
        version in version(),
        (dup, qos, retain, id) in (any::<bool>(), qos(), any::<bool>(), packet_id()),
        (topic, payload, block) in (topic(), bytes(), message()),
        (expiry_seconds, topic_alias) in any::<(Option<u32>, Option<NonZeroU16>)>(),
        ids in vec(1..=SUBSCRIPTION_ID_MAX, 0..3),
        by_alias in any::<bool>(),
    ) {
        let packet_id = (qos != QoS::AtMostOnce).then_some(id);
        let dup = dup && packet_id.is_some();
        let aliased = by_alias && topic_alias.is_some() && version.is_v5();
        let topic = if aliased { "" } else { &topic };
        let head = PublishHead { dup, qos, retain, packet_id, expiry_seconds, subscription_ids: &ids, topic_alias };
        let body = PublishBody { topic, properties: &block, payload: &payload };
        let mut out = b"before".to_vec();
        encode_publish(&head, &body, version, &mut out).unwrap();
        prop_assert_eq!(out.len() - 6, publish_len(&head, &body, version));
        let packet = crate::whole(&out[6..], version).unwrap();
        let Packet::Publish(publish) = packet else { panic!("{packet:?}") };
        prop_assert_eq!((publish.dup, publish.qos, publish.retain), (dup, qos, retain));
        prop_assert_eq!((publish.packet_id, publish.topic), (packet_id, topic));
        prop_assert_eq!(publish.payload, &payload);
        let properties = publish.properties;
        if version.is_v5() {
            prop_assert_eq!(properties.expiry_seconds, expiry_seconds);
            prop_assert_eq!(properties.topic_alias, topic_alias);
            prop_assert_eq!(properties.subscription_ids().collect::<Vec<_>>(), ids);
            let mut travelling = Vec::new();
            properties.message().append_to(&mut travelling);
            prop_assert_eq!(travelling, block);
        } else {
            prop_assert_eq!(properties, PublishProperties::NONE);
        }
        round_trip(&packet, version);
    }

    #[test]
    fn acknowledgements(
        version in version(),
        packet_id in packet_id(),
        acked in reason(PacketKind::PubAck),
        released in reason(PacketKind::PubRel),
        (words, users) in (option::of(text()), pairs()),
    ) {
        let users = borrowed(&users);
        let properties = reason_properties(version, &words, &users);
        let ack = |reason| Acknowledgement {
            packet_id,
            reason: if version.is_v5() { reason } else { ReasonCode::Success },
            properties,
        };
        round_trip(&Packet::PubAck(ack(acked)), version);
        round_trip(&Packet::PubRec(ack(acked)), version);
        round_trip(&Packet::PubRel(ack(released)), version);
        round_trip(&Packet::PubComp(ack(released)), version);
    }

    #[test]
    fn subscribe(
        version in version(),
        packet_id in packet_id(),
        list in vec((filter(), qos(), any::<(bool, bool)>(), 0..3_u8), 1..5),
        (id, users) in (option::of(1..=SUBSCRIPTION_ID_MAX), pairs()),
    ) {
        let users = borrowed(&users);
        let subscriptions: Vec<_> = list.iter().map(|(text, qos, (no_local, keep), handling)| {
            let filter = SubscriptionFilter::parse(text).unwrap();
            let options = if version.is_v5() {
                SubscriptionOptions {
                    qos: *qos,
                    no_local: *no_local && filter.group().is_none(),
                    retain_as_published: *keep,
                    retain_handling: match handling {
                        0 => RetainHandling::Send,
                        1 => RetainHandling::SendIfNew,
                        _ => RetainHandling::Never,
                    },
                }
            } else {
                SubscriptionOptions::at(*qos)
            };
            Subscription { filter, options }
        }).collect();
        let filters: Vec<_> = subscriptions.iter().map(|s| s.filter).collect();
        let user_properties = UserProperties::new(if version.is_v5() { &users } else { &[] });
        let properties = SubscribeProperties {
            subscription_id: id.filter(|_| version.is_v5()),
            user_properties,
        };
        let subscriptions = Subscriptions::new(&subscriptions);
        round_trip(&Packet::Subscribe(Subscribe { packet_id, subscriptions, properties }), version);
        let filters = Filters::new(&filters);
        round_trip(&Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }), version);
    }

    #[test]
    fn answers_with_lists(
        packet_id in packet_id(),
        granted in vec(reason(PacketKind::SubAck), 1..5),
        dropped in vec(reason(PacketKind::UnsubAck), 1..5),
        (words, users) in (option::of(text()), pairs()),
    ) {
        let users = borrowed(&users);
        let properties = reason_properties(Version::V5, &words, &users);
        let reasons = ReasonCodes::new(&granted);
        round_trip(&Packet::SubAck(SubAck { packet_id, reasons, properties }), Version::V5);
        let reasons = ReasonCodes::new(&dropped);
        round_trip(&Packet::UnsubAck(UnsubAck { packet_id, reasons, properties }), Version::V5);
        // Older versions know one error and no reasons.
        let old: Vec<_> = granted.iter().map(|c| ReasonCode::from_u8(c.suback_v311()).unwrap()).collect();
        let properties = ReasonProperties::NONE;
        let reasons = ReasonCodes::new(&old);
        round_trip(&Packet::SubAck(SubAck { packet_id, reasons, properties }), Version::V311);
        let reasons = ReasonCodes::new(&[]);
        round_trip(&Packet::UnsubAck(UnsubAck { packet_id, reasons, properties }), Version::V311);
    }

    #[test]
    fn last_words(
        reason in reason(PacketKind::Disconnect),
        step in reason(PacketKind::Auth),
        session_expiry_seconds in any::<Option<u32>>(),
        strings in [option::of(text()), option::of(text()), option::of(text())],
        (data, users) in (option::of(bytes()), pairs()),
    ) {
        let users = borrowed(&users);
        let properties = DisconnectProperties {
            session_expiry_seconds,
            reason_string: strings[0].as_deref(),
            server_reference: strings[1].as_deref(),
            user_properties: UserProperties::new(&users),
        };
        round_trip(&Packet::Disconnect(Disconnect { reason, properties }), Version::V5);
        let auth = Auth {
            reason: step,
            authentication_method: strings[2].as_deref(),
            authentication_data: strings[2].as_ref().and(data.as_deref()),
            reason_string: strings[0].as_deref(),
            user_properties: UserProperties::new(&users),
        };
        round_trip(&Packet::Auth(auth), Version::V5);
    }
}

#[test]
fn packets_without_a_body() {
    for version in [Version::V31, Version::V311, Version::V5] {
        round_trip(&Packet::PingReq, version);
        round_trip(&Packet::PingResp, version);
        let normal = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
        round_trip(&Packet::Disconnect(normal), version);
    }
}

#[test]
fn every_width_of_the_remaining_length() {
    for payload_bytes in [0, 120, 127, 128, 16_370, 16_384, 2_097_140, 2_097_152] {
        let payload = vec![b'x'; payload_bytes];
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            packet_id: None,
            topic: "a",
            properties: PublishProperties::NONE,
            payload: &payload,
        };
        round_trip(&Packet::Publish(publish), Version::V5);
        // The same through the writer that learns the length last.
        let pair = "y".repeat(payload_bytes.min(60_000));
        let users: Vec<_> = (0..payload_bytes / 60_000 + 1)
            .map(|_| ("k", pair.as_str()))
            .collect();
        let mut connect = Connect::new(Version::V5, "c");
        connect.properties.user_properties = UserProperties::new(&users);
        round_trip(&Packet::Connect(connect), Version::V5);
    }
}
