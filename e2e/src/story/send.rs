//! A client's packet from the words of a step, as bytes.

use std::num::{NonZeroU16, NonZeroU32};

use anyhow::{Context as _, Result, bail};
use quorate_codec::{
    Acknowledgement, Auth, Connect, ConnectProperties, Disconnect, EXPIRY_NEVER, Filters,
    MessageFields, MessageProperties, Packet, Password, PayloadFormat, PublishBody, PublishHead,
    QoS, ReasonProperties, RetainHandling, Subscribe, SubscribeProperties, Subscription,
    SubscriptionFilter, SubscriptionOptions, Subscriptions, TopicName, Unsubscribe, UserProperties,
    Version, Will, WillProperties, encode, encode_publish,
};

use super::words::Words;

/// The packet's bytes. `client` is its client id if the words name none.
pub(super) fn bytes(client: &str, words: &Words<'_>, version: Version) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    match words.verb() {
        "connect" => connect(client, words, &mut out)?,
        "publish" => publish(words, version, &mut out)?,
        "subscribe" => subscribe(words, version, &mut out)?,
        "unsubscribe" => unsubscribe(words, version, &mut out)?,
        "raw" => {
            let digits: String = words.rest().concat();
            for at in (0..digits.len()).step_by(2) {
                let byte = digits.get(at..at + 2).context("half a byte")?;
                out.push(u8::from_str_radix(byte, 16)?);
            }
        }
        _ => encode(&simple(words)?, version, &mut out)?,
    }
    Ok(out)
}

fn simple<'l>(words: &Words<'l>) -> Result<Packet<'l>> {
    let acknowledgement = || -> Result<Acknowledgement<'l>> {
        let properties = ReasonProperties {
            reason_string: words.text("why"),
            ..ReasonProperties::NONE
        };
        Ok(Acknowledgement {
            properties,
            ..Acknowledgement::new(words.packet_id()?, words.reason())
        })
    };
    Ok(match words.verb() {
        "puback" => Packet::PubAck(acknowledgement()?),
        "pubrec" => Packet::PubRec(acknowledgement()?),
        "pubrel" => Packet::PubRel(acknowledgement()?),
        "pubcomp" => Packet::PubComp(acknowledgement()?),
        "ping" => Packet::PingReq,
        "disconnect" => {
            let mut disconnect = Disconnect::new(words.reason());
            disconnect.properties.session_expiry_seconds =
                words.number("expiry").map(|seconds| seconds as u32);
            Packet::Disconnect(disconnect)
        }
        "auth" => Packet::Auth(Auth {
            authentication_method: words.text("method"),
            authentication_data: words.text("data").map(str::as_bytes),
            ..Auth::new(words.reason())
        }),
        verb => bail!("no such step: {verb}"),
    })
}

fn connect(client: &str, words: &Words<'_>, out: &mut Vec<u8>) -> Result<()> {
    let version = words.version();
    let pairs = pairs(words, "user-property");
    let keeps = words.has("keep");
    let expiry = words.number("expiry").map(|seconds| seconds as u32);
    let properties = ConnectProperties {
        session_expiry_seconds: expiry.or_else(|| keeps.then_some(EXPIRY_NEVER)),
        receive_maximum: words
            .number("receive-maximum")
            .and_then(|count| NonZeroU16::new(count as u16)),
        maximum_packet_bytes: words
            .number("maximum-packet")
            .and_then(|bytes| NonZeroU32::new(bytes as u32)),
        topic_alias_maximum: words.number("aliases").unwrap_or(0) as u16,
        request_response_information: words.has("wants-response-information"),
        request_problem_information: !words.has("no-problem-information"),
        authentication_method: words.text("method"),
        authentication_data: words.text("data").map(str::as_bytes),
        user_properties: UserProperties::new(&pairs),
    };
    let mut message = Vec::new();
    let will = will(words, &mut message)?;
    let connect = Connect {
        clean_start: !keeps && !words.has("resume"),
        keep_alive_seconds: words.number("keep-alive").unwrap_or(0) as u16,
        will,
        user_name: words.text("user"),
        password: words
            .text("password")
            .map(|password| Password(password.as_bytes())),
        properties,
        ..Connect::new(version, words.text("id").unwrap_or(client))
    };
    encode(&Packet::Connect(connect), version, out)?;
    Ok(())
}

/// `will=TOPIC:PAYLOAD`, with `will-qos`, `will-retain`, `will-delay`, `will-expiry`, `will-property`.
fn will<'l>(words: &Words<'l>, message: &'l mut Vec<u8>) -> Result<Option<Will<'l>>> {
    let Some(text) = words.text("will") else {
        return Ok(None);
    };
    let (topic, payload) = text.split_once(':').unwrap_or((text, ""));
    let pairs = pairs(words, "will-property");
    let fields = MessageFields {
        content_type: words.text("will-content-type"),
        response_topic: words.text("will-response"),
        correlation_data: words.text("will-correlation").map(str::as_bytes),
        user_properties: UserProperties::new(&pairs),
        ..MessageFields::default()
    };
    fields.append_to(message)?;
    let number = |name| words.number(name).map(|seconds| seconds as u32);
    Ok(Some(Will {
        qos: words.qos("will-qos"),
        retain: words.has("will-retain"),
        topic: TopicName::parse(topic)?,
        payload: payload.as_bytes(),
        properties: WillProperties::new(
            number("will-delay").unwrap_or(0),
            number("will-expiry"),
            MessageProperties::parse(message)?,
        ),
    }))
}

/// `publish TOPIC PAYLOAD`; a topic of `-` is empty.
fn publish(words: &Words<'_>, version: Version, out: &mut Vec<u8>) -> Result<()> {
    let mut plain = words.plain();
    let topic = plain.next().context("publish TOPIC PAYLOAD")?;
    let payload = plain.next().unwrap_or_default();
    let pairs = pairs(words, "user");
    let fields = MessageFields {
        payload_format: words.has("utf8").then_some(PayloadFormat::Utf8),
        content_type: words.text("content-type"),
        response_topic: words.text("response"),
        correlation_data: words.text("correlation").map(str::as_bytes),
        user_properties: UserProperties::new(&pairs),
    };
    let mut properties = Vec::new();
    fields.append_to(&mut properties)?;
    let qos = words.qos("qos");
    let packet_id = (qos != QoS::AtMostOnce).then(|| words.packet_id());
    let ids: Vec<u32> = words
        .number("identifier")
        .map(|id| id as u32)
        .into_iter()
        .collect();
    let alias = words.number("alias").map(|alias| alias as u16);
    let head = PublishHead {
        dup: words.has("dup"),
        retain: words.has("retain"),
        expiry_seconds: words.number("expiry").map(|seconds| seconds as u32),
        subscription_ids: &ids,
        topic_alias: alias.and_then(NonZeroU16::new),
        ..PublishHead::new(qos, packet_id.transpose()?)
    };
    let large = words
        .number("bytes")
        .map(|bytes| "x".repeat(bytes as usize));
    let body = PublishBody {
        topic: if topic == "-" { "" } else { topic },
        properties: &properties,
        payload: large.as_deref().unwrap_or(payload).as_bytes(),
    };
    encode_publish(&head, &body, version, out)?;
    Ok(())
}

/// `subscribe id=N FILTER:OPTIONS …`, where options are the QoS and any of `nl`, `rap`, `rh1`, `rh2`.
fn subscribe(words: &Words<'_>, version: Version, out: &mut Vec<u8>) -> Result<()> {
    let list = words
        .plain()
        .map(subscription)
        .collect::<Result<Vec<_>>>()?;
    let subscribe = Subscribe {
        packet_id: words.packet_id()?,
        subscriptions: Subscriptions::new(&list),
        properties: SubscribeProperties {
            subscription_id: words.number("identifier").map(|id| id as u32),
            ..SubscribeProperties::default()
        },
    };
    encode(&Packet::Subscribe(subscribe), version, out)?;
    Ok(())
}

fn subscription(word: &str) -> Result<Subscription<'_>> {
    let (filter, options) = word.rsplit_once(':').context("FILTER:OPTIONS")?;
    let qos = options.get(..1).context("no QoS")?.parse()?;
    let retain_handling = match options {
        _ if options.contains("rh1") => RetainHandling::SendIfNew,
        _ if options.contains("rh2") => RetainHandling::Never,
        _ => RetainHandling::Send,
    };
    Ok(Subscription {
        filter: SubscriptionFilter::parse(filter)?,
        options: SubscriptionOptions {
            no_local: options.contains("nl"),
            retain_as_published: options.contains("rap"),
            retain_handling,
            ..SubscriptionOptions::at(QoS::from_bits(qos).context("QoS 3")?)
        },
    })
}

fn unsubscribe(words: &Words<'_>, version: Version, out: &mut Vec<u8>) -> Result<()> {
    let filters = words.plain().map(SubscriptionFilter::parse);
    let filters = filters.collect::<Result<Vec<_>, _>>()?;
    let unsubscribe = Unsubscribe {
        packet_id: words.packet_id()?,
        filters: Filters::new(&filters),
        user_properties: UserProperties::NONE,
    };
    encode(&Packet::Unsubscribe(unsubscribe), version, out)?;
    Ok(())
}

/// `name=key:value`, as often as it comes.
fn pairs<'l>(words: &Words<'l>, name: &str) -> Vec<(&'l str, &'l str)> {
    let pairs = words.all(name);
    pairs.filter_map(|pair| pair.split_once(':')).collect()
}
