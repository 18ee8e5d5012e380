//! An MQTT client on the codec crate: it follows the standard's rules for a client to the letter, and notes what
//! it sees. What it keeps survives all its connections, as an honest device's memory does.

mod publishing;
mod receiving;
mod subscribing;

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU16;

use quorate_codec::{
    AckKind, ConnAck, Connect, ConnectProperties, DecodeLimits, Decoded, Disconnect,
    MessageProperties, Packet, PacketId, QoS, ReasonCode, Version, Will, WillProperties,
};

use crate::history::{ClientNumber, Event, History, LinkNumber, MessageNumber, Published};
use crate::invariants::Violation;
use crate::limits::CLIENT_PACKET_IDS_MAX;
use crate::link::Link;
use crate::random::Random;
use crate::scenario::Profile;
use publishing::Outgoing;
use subscribing::Operation;

/// See the module.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) number: ClientNumber,
    pub(crate) profile: Profile,
    pub(crate) state: State,
    /// Bytes read and not decoded.
    inbox: Vec<u8>,
    /// PUBLISHes that are not complete, in the order they were first sent.
    outgoing: VecDeque<Outgoing>,
    /// Packet ids of QoS 2 messages that came and are not released.
    received: BTreeSet<u16>,
    /// Acknowledgements that are held back, in order.
    acks: VecDeque<(AckKind, PacketId)>,
    operation: Option<Operation>,
    /// By place in the profile's filters.
    subscribed: Vec<bool>,
    packet_id_last: u16,
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Without a connection.
    Away,
    /// CONNECT is sent.
    Connecting(LinkNumber),
    /// CONNACK came.
    Connected(LinkNumber),
}

/// What a client acts with.
pub(crate) struct Surroundings<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) history: &'a mut History,
    pub(crate) link: &'a mut Link,
}

impl Client {
    pub(crate) fn new(number: ClientNumber, profile: Profile) -> Self {
        let subscribed = vec![false; profile.filters.len()];
        Self {
            number,
            profile,
            state: State::Away,
            inbox: Vec::new(),
            outgoing: VecDeque::new(),
            received: BTreeSet::new(),
            acks: VecDeque::new(),
            operation: None,
            subscribed,
            packet_id_last: 0,
        }
    }

    pub(crate) fn id(&self) -> String {
        format!("client-{}", self.number)
    }

    pub(crate) fn link(&self) -> Option<LinkNumber> {
        match self.state {
            State::Away => None,
            State::Connecting(link) | State::Connected(link) => Some(link),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Whether it waits for nothing and holds nothing back.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.outgoing.is_empty()
            && self.acks.is_empty()
            && self.operation.is_none()
            // What a session that expired had begun is never released.
            && (self.received.is_empty() || !self.profile.stays())
            && self.inbox.is_empty()
    }

    /// Sends CONNECT on a new link.
    pub(crate) fn connect(&mut self, around: Surroundings<'_>) {
        let Surroundings {
            random,
            history,
            link,
        } = around;
        self.state = State::Connecting(link.number);
        self.inbox.clear();
        self.acks.clear();
        self.operation = None;
        let will = self.profile.will.map(|will| Published {
            publisher: self.number,
            topic: format!("will/{}", self.number),
            qos: will.qos,
            retain: false,
            will_of: Some(link.number),
            will_delay_seconds: will.delay_seconds,
        });
        let will = will.map(|message| history.add_message(message));
        let payload = will
            .map(|number| payload(random, number))
            .unwrap_or_default();
        self.encode_connect(&payload, &mut link.to_node);
        history.note(Event::Connecting {
            client: self.number,
            link: link.number,
            will,
        });
    }

    fn encode_connect(&self, will_payload: &[u8], out: &mut Vec<u8>) {
        let id = self.id();
        let topic = format!("will/{}", self.number);
        let will = self.profile.will.map(|will| Will {
            topic: topic.as_str().try_into_topic(),
            payload: will_payload,
            qos: will.qos,
            retain: false,
            properties: WillProperties::new(will.delay_seconds, None, MessageProperties::default()),
        });
        let v5 = self.profile.version == Version::V5;
        let properties = ConnectProperties {
            session_expiry_seconds: v5.then_some(self.profile.expiry_seconds),
            receive_maximum: NonZeroU16::new(self.profile.receive_maximum).filter(|_| v5),
            ..ConnectProperties::NONE
        };
        let connect = Connect {
            clean_start: !self.profile.is_durable(),
            will,
            properties,
            ..Connect::new(self.profile.version, &id)
        };
        send(&Packet::Connect(connect), self.profile.version, out);
    }

    /// Cuts its connection without a word.
    pub(crate) fn cut(&mut self, around: Surroundings<'_>) {
        let Surroundings {
            random,
            history,
            link,
        } = around;
        link.cut_by_client(random);
        self.close(link.number, history);
    }

    /// Says goodbye.
    pub(crate) fn disconnect(&mut self, around: Surroundings<'_>) {
        let Surroundings { history, link, .. } = around;
        let packet = Packet::Disconnect(Disconnect::new(ReasonCode::Success));
        send(&packet, self.profile.version, &mut link.to_node);
        link.close_by_client();
        history.note(Event::Disconnecting {
            client: self.number,
            link: link.number,
        });
        self.close(link.number, history);
    }

    /// The connection is over.
    pub(crate) fn close(&mut self, link: LinkNumber, history: &mut History) {
        if self.link() == Some(link) {
            self.state = State::Away;
            self.operation = None;
            history.note(Event::Closed {
                client: self.number,
                link,
            });
        }
    }

    /// Some bytes of its connection came.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        self.inbox.extend_from_slice(bytes);
        let inbox = std::mem::take(&mut self.inbox);
        let mut at = 0;
        loop {
            let decoded =
                quorate_codec::decode(&inbox[at..], self.profile.version, &DecodeLimits::default());
            match decoded {
                Ok(Decoded::Packet { packet, consumed }) => {
                    at += consumed;
                    self.handle(&packet, around)?;
                }
                Ok(Decoded::Incomplete { .. }) => break,
                Err(error) => {
                    return Err(self.broken(&format!("bytes that are no packet: {error}")));
                }
            }
        }
        if self.link().is_some() {
            self.inbox = inbox[at..].to_vec();
        }
        Ok(())
    }

    fn handle(
        &mut self,
        packet: &Packet<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        if let Packet::ConnAck(connack) = packet {
            return self.handle_connack(connack, around);
        }
        if !self.is_connected() {
            return Err(self.broken("a packet before CONNACK"));
        }
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish, around),
            Packet::PubRel(ack) => self.handle_pubrel(ack, around),
            Packet::PubAck(ack) => self.handle_puback(ack, around),
            Packet::PubRec(ack) => self.handle_pubrec(ack, around),
            Packet::PubComp(ack) => self.handle_pubcomp(ack),
            Packet::SubAck(ack) => self.handle_suback(ack, around.history),
            Packet::UnsubAck(ack) => self.handle_unsuback(ack.packet_id),
            Packet::Disconnect(disconnect) => self.handle_disconnect(disconnect.reason, around),
            Packet::PingResp => Ok(()),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Auth(_) => Err(self.broken("a packet that only clients send")),
        }
    }

    fn handle_connack(
        &mut self,
        connack: &ConnAck<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        let State::Connecting(link) = self.state else {
            return Err(self.broken("a second CONNACK"));
        };
        if connack.reason != ReasonCode::Success {
            return Err(self.broken("CONNECT was refused"));
        }
        let present = connack.session_present;
        around.history.note(Event::Connected {
            client: self.number,
            link,
            present,
        });
        self.state = State::Connected(link);
        if present {
            self.resend(around);
        } else {
            self.outgoing.clear();
            self.received.clear();
            self.subscribed.fill(false);
        }
        Ok(())
    }

    fn handle_disconnect(
        &mut self,
        reason: ReasonCode,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        if reason != ReasonCode::SessionTakenOver {
            return Err(self.broken(&format!("DISCONNECT with {reason:?}")));
        }
        around.link.cut_by_client(around.random);
        self.close(around.link.number, around.history);
        Ok(())
    }

    /// A packet id that is not in use.
    fn draw_packet_id(&mut self) -> PacketId {
        loop {
            self.packet_id_last = self.packet_id_last % CLIENT_PACKET_IDS_MAX + 1;
            let id = self.packet_id_last;
            let used = self.outgoing.iter().any(|one| one.packet_id.get() == id)
                || self
                    .operation
                    .as_ref()
                    .is_some_and(|one| one.packet_id.get() == id);
            if let Some(id) = PacketId::new(id).filter(|_| !used) {
                return id;
            }
        }
    }

    fn broken(&self, what: &str) -> Violation {
        Violation::new("protocol", format!("client {}: {what}", self.number))
    }
}

trait IntoTopic<'a> {
    fn try_into_topic(self) -> quorate_codec::TopicName<'a>;
}

impl<'a> IntoTopic<'a> for &'a str {
    fn try_into_topic(self) -> quorate_codec::TopicName<'a> {
        quorate_codec::TopicName::parse(self).expect("the simulation's topics are valid")
    }
}

/// Appends a packet of the client's own.
fn send(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    quorate_codec::encode(packet, version, out).expect("the simulation's packets are valid");
}

/// A payload that names its message; some are large enough to come in pieces.
fn payload(random: &mut Random, message: MessageNumber) -> Vec<u8> {
    let mut payload = format!("{message}|").into_bytes();
    let padding = match random.below(20) {
        0 => 2_000,
        1..=4 => 100,
        _ => 0,
    };
    payload.resize(payload.len() + padding, b'.');
    payload
}

/// The message that a payload names.
pub(crate) fn message_of(payload: &[u8]) -> Option<MessageNumber> {
    let end = payload.iter().position(|byte| *byte == b'|')?;
    std::str::from_utf8(&payload[..end]).ok()?.parse().ok()
}

/// Higher QoS is more.
fn is_acknowledged(qos: QoS) -> bool {
    qos != QoS::AtMostOnce
}
