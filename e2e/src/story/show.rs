//! A broker's packet as one line of text, with all that it says beyond what is usual.

use std::fmt::Write as _;

use quorate_codec::{
    Acknowledgement, ConnAck, Disconnect, MessageFields, Packet, Publish, QoS, ReasonCodes,
    UserProperties,
};

/// Payloads longer than this are shown by their length.
const PAYLOAD_SHOWN_MAX: usize = 60;

/// See the module. `limits` shows what CONNACK says about the broker's bounds.
pub(super) fn packet(packet: &Packet<'_>, limits: bool) -> String {
    match packet {
        Packet::ConnAck(connack) => self::connack(connack, limits),
        Packet::Publish(publish) => self::publish(publish),
        Packet::PubAck(ack) => acknowledgement("puback", ack),
        Packet::PubRec(ack) => acknowledgement("pubrec", ack),
        Packet::PubRel(ack) => acknowledgement("pubrel", ack),
        Packet::PubComp(ack) => acknowledgement("pubcomp", ack),
        Packet::SubAck(suback) => codes("suback", suback.packet_id.get(), suback.reasons),
        Packet::UnsubAck(unsuback) => codes("unsuback", unsuback.packet_id.get(), unsuback.reasons),
        Packet::PingResp => "pingresp".to_owned(),
        Packet::Disconnect(disconnect) => self::disconnect(disconnect),
        Packet::Auth(_)
        | Packet::Connect(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::PingReq => format!("{packet:?}"),
    }
}

fn connack(connack: &ConnAck<'_>, limits: bool) -> String {
    let mut out = format!("connack {:?}", connack.reason);
    let properties = &connack.properties;
    if connack.session_present {
        out.push_str(" session-present");
    }
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(out, " {name}={value}");
        }
    };
    say("id", properties.assigned_client_id.map(str::to_owned));
    say("expiry", text(properties.session_expiry_seconds));
    say("keep-alive", text(properties.server_keep_alive_seconds));
    if properties.maximum_qos != QoS::ExactlyOnce {
        say("maximum-qos", text(Some(properties.maximum_qos as u8)));
    }
    let available = [
        ("retain", properties.retain_available),
        ("wildcards", properties.wildcard_available),
        ("identifiers", properties.subscription_ids_available),
        ("shared", properties.shared_available),
    ];
    for (name, _) in available.into_iter().filter(|(_, available)| !available) {
        say(name, Some("off".to_owned()));
    }
    say(
        "response-information",
        properties.response_information.map(str::to_owned),
    );
    if limits {
        say("receive-maximum", text(properties.receive_maximum));
        say("maximum-packet", text(properties.maximum_packet_bytes));
        say("aliases", text(Some(properties.topic_alias_maximum)));
    }
    out
}

fn publish(publish: &Publish<'_>) -> String {
    let topic = if publish.topic.is_empty() {
        "-"
    } else {
        publish.topic
    };
    let payload = if publish.payload.len() > PAYLOAD_SHOWN_MAX {
        format!("({}-bytes)", publish.payload.len())
    } else {
        String::from_utf8_lossy(publish.payload).into_owned()
    };
    let mut out = format!("publish {topic} {payload}");
    for (word, is_set) in [("dup", publish.dup), ("retain", publish.retain)] {
        if is_set {
            let _ = write!(out, " {word}");
        }
    }
    if let Some(id) = publish.packet_id {
        let _ = write!(out, " qos={} id={id}", publish.qos as u8);
    }
    let properties = &publish.properties;
    if let Some(alias) = properties.topic_alias {
        let _ = write!(out, " alias={alias}");
    }
    if let Some(seconds) = properties.expiry_seconds {
        let _ = write!(out, " expiry={seconds}");
    }
    for id in properties.subscription_ids() {
        let _ = write!(out, " identifier={id}");
    }
    message_fields(&mut out, &properties.message().fields());
    out
}

fn message_fields(out: &mut String, fields: &MessageFields<'_>) {
    if let Some(format) = fields.payload_format {
        let _ = write!(out, " format={format:?}");
    }
    if let Some(kind) = fields.content_type {
        let _ = write!(out, " content-type={kind}");
    }
    if let Some(topic) = fields.response_topic {
        let _ = write!(out, " response={topic}");
    }
    if let Some(data) = fields.correlation_data {
        let _ = write!(out, " correlation={}", String::from_utf8_lossy(data));
    }
    user_properties(out, fields.user_properties);
}

fn user_properties(out: &mut String, properties: UserProperties<'_>) {
    for (name, value) in properties.iter() {
        let _ = write!(out, " user={name}:{value}");
    }
}

fn acknowledgement(name: &str, ack: &Acknowledgement<'_>) -> String {
    let mut out = format!("{name} {} {:?}", ack.packet_id, ack.reason);
    reason_string(&mut out, ack.properties.reason_string);
    user_properties(&mut out, ack.properties.user_properties);
    out
}

fn codes(name: &str, id: u16, reasons: ReasonCodes<'_>) -> String {
    let mut out = format!("{name} {id}");
    for reason in reasons.iter() {
        let _ = write!(out, " {reason:?}");
    }
    out
}

/// That there are words is shown, not which ones: they are for people.
fn disconnect(disconnect: &Disconnect<'_>) -> String {
    let mut out = format!("disconnect {:?}", disconnect.reason);
    reason_string(&mut out, disconnect.properties.reason_string);
    out
}

fn reason_string(out: &mut String, words: Option<&str>) {
    if words.is_some_and(|words| !words.is_empty()) {
        out.push_str(" with-words");
    }
}

fn text<T: ToString>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}
