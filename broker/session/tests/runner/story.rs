//! One line of a script: an input to the session, and what it says back. Checks nothing.

use std::sync::Arc;

use crate::packets;
use crate::words::Words;
use quorate_codec::{Packet, PacketId, QoS, ReasonCode, TopicLimits, Version};
use quorate_session::{
    Capabilities, ClientLimits, Delivery, Limits, Mode, OutboundAlias, Publishing, RequestedFilter,
    Session, SessionStart, Step, Ticket,
};

/// A session on its way through a script.
#[derive(Default)]
pub(crate) struct Story {
    session: Option<Session>,
    /// The PUBLISH that is being routed.
    publishing: Option<Publishing>,
    tickets: Vec<Ticket>,
}

impl Story {
    /// Runs one line; what came of it.
    pub(crate) fn run(&mut self, line: &str) -> Vec<String> {
        let words = Words::new(line);
        if words.verb() == "connect" {
            self.session = Some(connect(&words));
            self.tickets.clear();
            return vec![];
        }
        self.act(&words)
    }

    fn act(&mut self, words: &Words<'_>) -> Vec<String> {
        let session = self.session.as_mut().expect("connect comes first");
        match words.verb() {
            "complete" => {
                let publishing = self.publishing.take().expect("a PUBLISH to complete");
                let step = session.publish_completed(publishing, words.reason());
                self.tell(step)
            }
            "defer" => {
                let publishing = self.publishing.take().expect("a PUBLISH to defer");
                let ticket = session.publish_deferred(publishing);
                vec![self.ticket(ticket)]
            }
            "done" => {
                let ticket = self.tickets[words.number(0) as usize];
                let step = session.publish_done(ticket, words.reason());
                self.tell_and_drain(step)
            }
            "started" => {
                let ticket = self.tickets[words.number(0) as usize];
                session.inbound_started(ticket, words.value("sequence").unwrap());
                vec![]
            }
            "released" => {
                let step = session.inbound_released(words.packet_id());
                self.tell_and_drain(step)
            }
            "heard" => {
                session.handle_activity(words.number(0));
                vec![format!("deadline {:?}", session.keep_alive_deadline())]
            }
            "time" => {
                let step = session.handle_timeout(words.number(0));
                self.tell(step)
            }
            "lost" => vec![format!("{:?}", session.lost())],
            _ => self.act_on_deliveries(words),
        }
    }

    fn act_on_deliveries(&mut self, words: &Words<'_>) -> Vec<String> {
        let session = self.session.as_mut().expect("connect comes first");
        match words.verb() {
            "deliver" => vec![match session.deliver(words.qos()) {
                Some(id) => format!("packet id {id}"),
                None => "no room".to_owned(),
            }],
            "deliver-durable" => {
                let sequence = words.value("sequence").unwrap();
                vec![delivery(session.deliver_durable(sequence, words.qos()))]
            }
            "deliver-released" => {
                let sequence = words.value("sequence").unwrap();
                vec![delivery(session.deliver_released(sequence))]
            }
            "received-applied" => {
                match session.received_applied(words.value("sequence").unwrap()) {
                    Some(reply) => vec![format!("send {reply:?}")],
                    None => vec!["nothing".to_owned()],
                }
            }
            "poll" => poll(session),
            "tell-topic" => vec![tell_topic(session, words.rest()[0])],
            "subscribe-done" => {
                session.subscribe_done(
                    words.value("reserved").unwrap() as u32,
                    words.value("added").unwrap() as u32,
                );
                vec![format!("{} subscriptions", session.subscriptions())]
            }
            "unsubscribe-done" => {
                session.unsubscribe_done(words.value("removed").unwrap() as u32);
                vec![format!("{} subscriptions", session.subscriptions())]
            }
            _ => self.packet(words),
        }
    }

    fn packet(&mut self, words: &Words<'_>) -> Vec<String> {
        let session = self.session.as_mut().expect("connect comes first");
        let bytes = packets::encode(words, session.version());
        let packet = packets::decode(&bytes, session.version());
        let step = session.handle(&packet);
        let mut out = tell(step, &mut self.publishing, &mut self.tickets);
        if let Packet::Publish(publish) = &packet
            && let Some(topic) = session.aliased_topic(publish)
        {
            out.push(format!("the topic is {topic}"));
        }
        out
    }

    fn tell(&mut self, step: Step<'_>) -> Vec<String> {
        tell(step, &mut self.publishing, &mut self.tickets)
    }

    fn tell_and_drain(&mut self, step: Step<'_>) -> Vec<String> {
        let mut out = self.tell(step);
        let session = self.session.as_mut().expect("connect comes first");
        while let Some(reply) = session.poll_ack() {
            out.push(format!("send {reply:?}"));
        }
        out
    }

    fn ticket(&mut self, ticket: Ticket) -> String {
        self.tickets.push(ticket);
        format!("ticket {}", ticket.number())
    }
}

fn tell(
    step: Step<'_>,
    publishing: &mut Option<Publishing>,
    tickets: &mut Vec<Ticket>,
) -> Vec<String> {
    vec![match step {
        Step::Continue => return vec![],
        Step::Send(reply) => format!("send {reply:?}"),
        Step::Route => "route".to_owned(),
        Step::RouteAcknowledged(routed) => {
            let text = match routed.sequence() {
                Some(sequence) => format!("route, then acknowledge; inbound sequence {sequence}"),
                None => "route, then acknowledge".to_owned(),
            };
            *publishing = Some(routed);
            text
        }
        Step::StartInbound { ticket, packet_id } => {
            tickets.push(ticket);
            format!(
                "propose InboundStart {packet_id}, ticket {}",
                ticket.number()
            )
        }
        Step::ReleaseInbound {
            packet_id,
            sequence,
        } => format!("propose InboundRelease {packet_id} and Forget {sequence}"),
        Step::Settled => "settled".to_owned(),
        Step::Subscribe(request) => {
            let mut lines = vec![format!(
                "subscribe, packet id {}, identifier {:?}, reserved {}",
                request.packet_id, request.identifier, request.reserved
            )];
            lines.extend(request.filters().map(|filter| match filter {
                RequestedFilter::Wanted { filter, options } => {
                    format!("wanted {} at {:?}", filter.as_str(), options.qos)
                }
                RequestedFilter::Refused(reason) => format!("refused {reason:?}"),
            }));
            return lines;
        }
        Step::Unsubscribe(request) => {
            let filters: Vec<_> = request.filters().map(|filter| filter.as_str()).collect();
            format!("unsubscribe, packet id {}: {filters:?}", request.packet_id)
        }
        Step::Release(release) => format!("{release:?}"),
        Step::Close(close) => format!(
            "close {:?}: {}; fire will {}",
            close.reason, close.detail, close.release.fire_will
        ),
    }]
}

fn poll(session: &mut Session) -> Vec<String> {
    let mut out = vec![];
    if let Some(sequences) = session.poll_acknowledged() {
        out.push(format!("propose Acknowledge {sequences:?}"));
    }
    if let Some(sequences) = session.poll_received() {
        out.push(format!("propose Received {sequences:?}"));
    }
    out.push(format!("room {}", session.room()));
    out
}

/// The topic of a delivery, sent at once.
fn tell_topic(session: &mut Session, topic: &str) -> String {
    match session.topic_alias(topic) {
        OutboundAlias::None => "by its name".to_owned(),
        OutboundAlias::Known(alias) => format!("by alias {alias}"),
        OutboundAlias::Fresh(alias) => {
            session.topic_alias_sent(topic);
            format!("by its name, with alias {alias}")
        }
    }
}

fn delivery(delivery: Delivery) -> String {
    match delivery {
        Delivery::Send(id) => format!("packet id {id}"),
        Delivery::Repeat => "repeat, dropped".to_owned(),
        Delivery::NoRoom => "no room".to_owned(),
    }
}

fn connect(words: &Words<'_>) -> Session {
    let v5 = words.has("v5");
    let durable = words.has("durable");
    let limits = Limits {
        inbound_messages_max: words.value("inbound-max").unwrap_or(1_024) as u16,
        subscriptions_max: words.value("subscriptions-max").unwrap_or(10_000) as u32,
        topic_aliases_max: words.value("aliases-max").unwrap_or(32) as u16,
        topics: TopicLimits {
            bytes_max: words.value("topic-bytes-max").unwrap_or(65_535) as usize,
            levels_max: words.value("topic-levels-max").unwrap_or(200) as usize,
        },
        user_properties_max: words.value("user-properties-max").unwrap_or(256) as u16,
        capabilities: capabilities(words),
        ..Limits::default()
    };
    let client = ClientLimits {
        topic_alias_maximum: words.value("client-aliases").unwrap_or(0) as u16,
        receive_maximum: words.value("receive-maximum").unwrap_or(65_535) as u16,
        ..ClientLimits::default()
    };
    let taken = words.pairs("inbound");
    let start = SessionStart {
        version: if v5 { Version::V5 } else { Version::V311 },
        now: 0,
        client,
        keep_alive_seconds: words.value("keep-alive").unwrap_or(0) as u16,
        expiry_seconds: words.value("expiry").unwrap_or(0) as u32,
        mode: match durable {
            false => Mode::Clean,
            true => Mode::Durable {
                inbound: taken
                    .into_iter()
                    .map(|(id, sequence)| (PacketId::new(id as u16).unwrap(), sequence))
                    .collect(),
                subscriptions: 0,
            },
        },
    };
    Session::new(start, Arc::new(limits))
}

fn capabilities(words: &Words<'_>) -> Capabilities {
    let maximum_qos = words.value("maximum-qos").unwrap_or(2) as u8;
    Capabilities {
        maximum_qos: QoS::from_bits(maximum_qos).unwrap(),
        retain: !words.has("no-retain"),
        wildcards: !words.has("no-wildcards"),
        subscription_ids: !words.has("no-identifiers"),
        shared: !words.has("no-shared"),
    }
}

/// A reason code by its name in the enum.
pub(crate) fn reason_by_name(name: &str) -> Option<ReasonCode> {
    ReasonCode::ALL
        .iter()
        .copied()
        .find(|reason| format!("{reason:?}") == name)
}
