//! MQTT packets as the tests' client writes and reads them. Written apart from the broker's codec, so
//! that a misreading of the specification there does not hide here.

use anyhow::{Context as _, Result, bail, ensure};

/// Protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1
    V311,
    /// 5.0
    V5,
}

/// What a client asks for in CONNECT.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Client id.
    pub client_id: String,
    /// Protocol version.
    pub version: Version,
    /// Clean session / clean start.
    pub clean: bool,
    /// Session expiry interval in seconds (MQTT 5 only).
    pub session_expiry: u32,
    /// Seconds; 0 is off.
    pub keep_alive: u16,
    /// Receive maximum (MQTT 5 only).
    pub receive_maximum: Option<u16>,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// Will.
    pub will: Option<Will>,
}

/// A will.
#[derive(Debug, Clone)]
pub struct Will {
    /// Where it is published.
    pub topic: String,
    /// What is published.
    pub payload: Vec<u8>,
    /// At which QoS.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// Will delay interval in seconds (MQTT 5 only).
    pub delay: u32,
}

impl Connect {
    /// MQTT 5, clean start, no expiry, no keep-alive.
    pub fn new(client_id: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            version: Version::V5,
            clean: true,
            session_expiry: 0,
            keep_alive: 0,
            receive_maximum: None,
            login: None,
            will: None,
        }
    }

    /// A session that outlives its connections by an hour.
    pub fn persistent(client_id: &str) -> Self {
        let (clean, session_expiry) = (false, 3600);
        Self {
            clean,
            session_expiry,
            ..Self::new(client_id)
        }
    }

    /// The same in another version.
    pub fn version(self, version: Version) -> Self {
        Self { version, ..self }
    }
}

/// An application message as it stands in a PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publish {
    /// Topic name.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Quality of service, 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
    /// DUP flag.
    pub dup: bool,
    /// Packet id; 0 at QoS 0.
    pub id: u16,
    /// MQTT 5 properties as bytes, without their length.
    pub properties: Vec<u8>,
}

impl Publish {
    /// A message without flags.
    pub fn new(topic: &str, payload: impl Into<Vec<u8>>, qos: u8) -> Self {
        let (topic, payload) = (topic.to_owned(), payload.into());
        Self {
            topic,
            payload,
            qos,
            ..Self::default()
        }
    }

    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// A packet with an id and a reason code and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ack {
    /// PUBACK
    PubAck,
    /// PUBREC
    PubRec,
    /// PUBREL
    PubRel,
    /// PUBCOMP
    PubComp,
}

/// A packet that a broker sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNACK
    ConnAck {
        /// Session present.
        session_present: bool,
        /// Reason or return code.
        code: u8,
    },
    /// PUBLISH
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL, PUBCOMP: kind, packet id, reason code.
    Ack(Ack, u16, u8),
    /// SUBACK or UNSUBACK: packet id and codes.
    SubAck(u16, Vec<u8>),
    /// PINGRESP
    PingResp,
    /// DISCONNECT with its reason code.
    Disconnect(u8),
}

/// CONNECT.
pub fn connect(options: &Connect) -> Vec<u8> {
    let v5 = options.version == Version::V5;
    let mut body = Vec::new();
    put_text(&mut body, "MQTT");
    body.push(if v5 { 5 } else { 4 });
    body.push(connect_flags(options));
    body.extend(options.keep_alive.to_be_bytes());
    if v5 {
        let mut properties = Vec::new();
        if options.session_expiry > 0 {
            properties.push(0x11);
            properties.extend(options.session_expiry.to_be_bytes());
        }
        if let Some(maximum) = options.receive_maximum {
            properties.push(0x21);
            properties.extend(maximum.to_be_bytes());
        }
        put_sized(&mut body, &properties);
    }
    put_text(&mut body, &options.client_id);
    if let Some(will) = &options.will {
        if v5 {
            let mut properties = Vec::new();
            if will.delay > 0 {
                properties.push(0x18);
                properties.extend(will.delay.to_be_bytes());
            }
            put_sized(&mut body, &properties);
        }
        put_text(&mut body, &will.topic);
        put_bytes(&mut body, &will.payload);
    }
    if let Some((user, password)) = &options.login {
        put_text(&mut body, user);
        put_text(&mut body, password);
    }
    packet(0x10, &body)
}

fn connect_flags(options: &Connect) -> u8 {
    let mut flags = u8::from(options.clean) << 1;
    if let Some(will) = &options.will {
        flags |= 0x04 | (will.qos << 3) | (u8::from(will.retain) << 5);
    }
    if options.login.is_some() {
        flags |= 0xc0;
    }
    flags
}

/// PUBLISH.
pub fn publish(version: Version, publish: &Publish) -> Vec<u8> {
    let mut body = Vec::with_capacity(publish.topic.len() + publish.payload.len() + 8);
    put_text(&mut body, &publish.topic);
    if publish.qos > 0 {
        body.extend(publish.id.to_be_bytes());
    }
    if version == Version::V5 {
        put_sized(&mut body, &publish.properties);
    }
    body.extend(&publish.payload);
    let flags = u8::from(publish.dup) << 3 | publish.qos << 1 | u8::from(publish.retain);
    packet(0x30 | flags, &body)
}

/// SUBSCRIBE with one options byte (or QoS) per filter.
pub fn subscribe(version: Version, id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    for (filter, options) in filters {
        put_text(&mut body, filter);
        body.push(*options);
    }
    packet(0x82, &body)
}

/// UNSUBSCRIBE.
pub fn unsubscribe(version: Version, id: u16, filter: &str) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    put_text(&mut body, filter);
    packet(0xa2, &body)
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP without a reason.
pub fn ack(ack: Ack, id: u16) -> Vec<u8> {
    let first = match ack {
        Ack::PubAck => 0x40,
        Ack::PubRec => 0x50,
        Ack::PubRel => 0x62,
        Ack::PubComp => 0x70,
    };
    packet(first, &id.to_be_bytes())
}

/// PINGREQ.
pub const PING: [u8; 2] = [0xc0, 0];

/// DISCONNECT without a reason: the will is not published.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A packet of that first byte and body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    put_sized(&mut packet, body);
    packet
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes.len();
    loop {
        let digit = (rest % 128) as u8;
        rest /= 128;
        out.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    out.extend(bytes);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}

/// The first packet in the bytes and its length; nothing while it is not whole.
///
/// # Errors
/// When a broker must not send this.
pub fn parse(version: Version, bytes: &[u8]) -> Result<Option<(Packet, usize)>> {
    let Some((length, head)) = bytes.get(1..).map_or(Ok(None), number)? else {
        return Ok(None);
    };
    let end = 1 + head + length;
    if bytes.len() < end {
        return Ok(None);
    }
    let body = &bytes[1 + head..end];
    let packet = parse_body(version, bytes[0], body);
    Ok(Some((
        packet.with_context(|| format!("{:02x?}", &bytes[..end]))?,
        end,
    )))
}

fn parse_body(version: Version, first: u8, body: &[u8]) -> Result<Packet> {
    let v5 = version == Version::V5;
    Ok(match first {
        0x20 => {
            let (flags, code) = (byte(body, 0)?, byte(body, 1)?);
            ensure!(flags <= 1, "CONNACK flags {flags}");
            Packet::ConnAck {
                session_present: flags == 1,
                code,
            }
        }
        0x30..=0x3f => Packet::Publish(parse_publish(v5, first, body)?),
        0x40 => parse_ack(Ack::PubAck, body)?,
        0x50 => parse_ack(Ack::PubRec, body)?,
        0x62 => parse_ack(Ack::PubRel, body)?,
        0x70 => parse_ack(Ack::PubComp, body)?,
        0x90 | 0xb0 => {
            let mut codes = body.get(2..).context("too short")?;
            if v5 {
                codes = skip_properties(codes)?.1;
            }
            Packet::SubAck(id(body)?, codes.to_vec())
        }
        0xd0 => Packet::PingResp,
        0xe0 => Packet::Disconnect(body.first().copied().unwrap_or(0)),
        _ => bail!("a broker never sends this"),
    })
}

fn parse_publish(v5: bool, first: u8, body: &[u8]) -> Result<Publish> {
    let topic_end = 2 + usize::from(id(body)?);
    let topic = body.get(2..topic_end).context("topic too long")?;
    let mut rest = &body[topic_end..];
    let qos = (first >> 1) & 3;
    ensure!(qos < 3, "QoS 3");
    let mut packet_id = 0;
    if qos > 0 {
        packet_id = id(rest)?;
        ensure!(packet_id > 0, "packet id 0");
        rest = &rest[2..];
    }
    let mut properties: &[u8] = &[];
    if v5 {
        (properties, rest) = skip_properties(rest)?;
    }
    Ok(Publish {
        topic: String::from_utf8(topic.to_vec())?,
        payload: rest.to_vec(),
        qos,
        retain: first & 1 == 1,
        dup: first & 8 == 8,
        id: packet_id,
        properties: properties.to_vec(),
    })
}

fn parse_ack(ack: Ack, body: &[u8]) -> Result<Packet> {
    Ok(Packet::Ack(
        ack,
        id(body)?,
        body.get(2).copied().unwrap_or(0),
    ))
}

/// Properties and what is behind them.
fn skip_properties(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, head) = number(bytes)?.context("no property length")?;
    let rest = &bytes[head..];
    ensure!(length <= rest.len(), "properties too long");
    Ok(rest.split_at(length))
}

/// A variable byte integer and how many bytes it takes; nothing while it is not whole.
fn number(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    ensure!(bytes.len() < 4, "length of more than four bytes");
    Ok(None)
}

fn id(bytes: &[u8]) -> Result<u16> {
    Ok(u16::from_be_bytes([byte(bytes, 0)?, byte(bytes, 1)?]))
}

fn byte(bytes: &[u8], at: usize) -> Result<u8> {
    bytes.get(at).copied().context("too short")
}
