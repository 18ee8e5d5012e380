//! Properties of a session under any order of events: the window is never passed, a live packet id is
//! never given out, acknowledgements leave in the order the PUBLISHes came, each QoS 2 message is routed
//! once, each durable delivery is acknowledged once.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use quorate_codec::{
    AckKind, Acknowledgement, PacketId, Publish, PublishProperties, QoS, ReasonCode, Version,
};
use quorate_session::{
    ClientLimits, Delivery, Limits, Mode, Reply, Session, SessionStart, Step, Ticket,
};

const WINDOW: u16 = 5;

fn session(mode: Mode) -> Session {
    let start = SessionStart {
        version: Version::V5,
        now: 0,
        client: ClientLimits {
            receive_maximum: WINDOW,
            ..ClientLimits::default()
        },
        keep_alive_seconds: 0,
        expiry_seconds: 60,
        mode,
    };
    Session::new(start, Arc::new(Limits::default()))
}

fn durable() -> Mode {
    Mode::Durable {
        inbound: vec![],
        subscriptions: 0,
    }
}

fn qos(exactly_once: bool) -> QoS {
    if exactly_once {
        QoS::ExactlyOnce
    } else {
        QoS::AtLeastOnce
    }
}

/// What a client that has a delivery sends next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Owes {
    Puback,
    Pubrec,
    /// It has sent PUBREC and waits for our PUBREL.
    Waits,
    Pubcomp,
}

impl Owes {
    fn first(qos: QoS) -> Self {
        match qos {
            QoS::AtMostOnce | QoS::AtLeastOnce => Self::Puback,
            QoS::ExactlyOnce => Self::Pubrec,
        }
    }
}

/// A client's view of the deliveries it has not completed.
#[derive(Default)]
struct Client(BTreeMap<PacketId, Owes>);

impl Client {
    fn receive(&mut self, id: PacketId, owes: Owes) {
        assert_eq!(self.0.insert(id, owes), None, "{id} was live");
        assert!(self.0.len() <= usize::from(WINDOW), "window passed");
    }

    /// The client's next step for one of its deliveries.
    fn answer(&mut self, session: &mut Session, pick: usize, refuse: bool) {
        let answerable: Vec<_> = self
            .0
            .iter()
            .filter(|(_, owes)| **owes != Owes::Waits)
            .collect();
        let Some(&(&id, &owes)) = answerable.get(pick % answerable.len().max(1)) else {
            return;
        };
        let success = Acknowledgement::success(id);
        let step = match owes {
            Owes::Puback => session.handle_puback(&success),
            Owes::Pubcomp => session.handle_pubcomp(&success),
            Owes::Pubrec if refuse => {
                session.handle_pubrec(&Acknowledgement::new(id, ReasonCode::QuotaExceeded))
            }
            Owes::Pubrec | Owes::Waits => {
                self.0.insert(id, Owes::Waits);
                let step = session.handle_pubrec(&success);
                if let Step::Send(reply) = step {
                    self.released(reply);
                } else {
                    assert!(matches!(step, Step::Settled));
                }
                return;
            }
        };
        assert!(matches!(step, Step::Settled));
        self.0.remove(&id);
    }

    fn released(&mut self, reply: Reply) {
        let Reply::Acknowledge {
            kind: AckKind::PubRel,
            packet_id,
            reason: ReasonCode::Success,
        } = reply
        else {
            panic!("{reply:?} is no PUBREL");
        };
        assert_eq!(self.0.insert(packet_id, Owes::Pubcomp), Some(Owes::Waits));
    }
}

#[derive(Debug, Clone)]
enum Out {
    Deliver { exactly_once: bool, gap: u64 },
    Answer { pick: usize, refuse: bool },
    Stray { id: u16 },
    Commit,
    NewLeader,
}

fn out() -> impl Strategy<Value = Out> {
    prop_oneof![
        6 => (any::<bool>(), 0..3_u64)
            .prop_map(|(exactly_once, gap)| Out::Deliver { exactly_once, gap }),
        6 => (any::<usize>(), prop::bool::weighted(0.1))
            .prop_map(|(pick, refuse)| Out::Answer { pick, refuse }),
        1 => (20_000..30_000_u16).prop_map(|id| Out::Stray { id }),
        3 => Just(Out::Commit),
        1 => Just(Out::NewLeader),
    ]
}

/// The shard's side of one durable session.
#[derive(Default)]
struct Shard {
    /// Unacknowledged deliveries by sequence; whether `Received` is applied.
    queue: BTreeMap<u64, (QoS, bool)>,
    last: u64,
    /// Handed over up to here.
    handed: u64,
}

impl Shard {
    fn hand_over(&mut self, session: &mut Session, client: &mut Client) {
        for (&sequence, &(qos, received)) in self.queue.range(self.handed + 1..) {
            let delivery = if received {
                session.deliver_released(sequence)
            } else {
                session.deliver_durable(sequence, qos)
            };
            match delivery {
                Delivery::Send(id) if received => {
                    client.0.insert(id, Owes::Pubcomp);
                }
                Delivery::Send(id) => client.receive(id, Owes::first(qos)),
                Delivery::Repeat => {}
                Delivery::NoRoom => return,
            }
            self.handed = sequence;
        }
    }

    fn commit(&mut self, session: &mut Session, client: &mut Client) {
        for sequence in session.poll_acknowledged().unwrap_or_default() {
            assert!(
                self.queue.remove(&sequence).is_some(),
                "{sequence} acknowledged twice"
            );
        }
        for sequence in session.poll_received().unwrap_or_default() {
            self.queue.get_mut(&sequence).expect("a queued delivery").1 = true;
            if let Some(reply) = session.received_applied(sequence) {
                client.released(reply);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum In {
    Publish {
        exactly_once: bool,
        id: u16,
        defer: bool,
    },
    Done {
        pick: usize,
        refuse: bool,
    },
    Release {
        id: u16,
    },
}

fn input() -> impl Strategy<Value = In> {
    prop_oneof![
        4 => (any::<bool>(), 1..12_u16, any::<bool>())
            .prop_map(|(exactly_once, id, defer)| In::Publish { exactly_once, id, defer }),
        3 => (any::<usize>(), prop::bool::weighted(0.2))
            .prop_map(|(pick, refuse)| In::Done { pick, refuse }),
        2 => (1..12_u16).prop_map(|id| In::Release { id }),
    ]
}

/// The worker's side of a clean session's inbound PUBLISHes, and what the client must see.
#[derive(Default)]
struct Publisher {
    tickets: Vec<Ticket>,
    /// Acknowledgements in the order the client must get them.
    expected: Vec<(AckKind, u16)>,
    sent: Vec<(AckKind, u16)>,
    /// QoS 2 ids whose message is routed; true once PUBREC is sent.
    open: BTreeMap<u16, bool>,
}

impl Publisher {
    fn publish(&mut self, session: &mut Session, exactly_once: bool, id: u16, defer: bool) {
        let answered = self.open.get(&id).copied();
        if answered.is_some() && !exactly_once {
            return;
        }
        let step = session.handle_publish(&Publish {
            dup: answered.is_some(),
            qos: qos(exactly_once),
            retain: false,
            packet_id: PacketId::new(id),
            topic: "t",
            properties: PublishProperties::NONE,
            payload: b"",
        });
        if let Some(answered) = answered {
            // A repeat is never routed, and answered at once or by the PUBREC that is due.
            assert_eq!(matches!(step, Step::Send(_)), answered);
            assert_eq!(matches!(step, Step::Continue), !answered);
            return;
        }
        let Step::RouteAcknowledged(publishing) = step else {
            panic!("a new message must be routed");
        };
        if exactly_once {
            self.expected.push((AckKind::PubRec, id));
            self.open.insert(id, false);
        } else {
            self.expected.push((AckKind::PubAck, id));
        }
        if defer {
            self.tickets.push(session.publish_deferred(publishing));
        } else {
            let step = session.publish_completed(publishing, ReasonCode::Success);
            self.see(step);
        }
    }

    fn done(&mut self, session: &mut Session, pick: usize, refuse: bool) {
        if self.tickets.is_empty() {
            return;
        }
        let ticket = self.tickets.swap_remove(pick % self.tickets.len());
        let reason = if refuse {
            ReasonCode::QuotaExceeded
        } else {
            ReasonCode::Success
        };
        let step = session.publish_done(ticket, reason);
        self.see(step);
        while let Some(reply) = session.poll_ack() {
            self.see(Step::Send(reply));
        }
    }

    fn release(&mut self, session: &mut Session, id: u16) {
        if self.open.get(&id) != Some(&true) {
            return;
        }
        let packet_id = PacketId::new(id).unwrap();
        let step = session.handle_pubrel(&Acknowledgement::success(packet_id));
        self.see(step);
        assert!(!self.open.contains_key(&id), "PUBCOMP frees the id");
    }

    fn see(&mut self, step: Step<'_>) {
        let Step::Send(Reply::Acknowledge {
            kind,
            packet_id,
            reason,
        }) = step
        else {
            assert!(matches!(step, Step::Continue), "{step:?}");
            return;
        };
        let id = packet_id.get();
        match kind {
            AckKind::PubComp => {
                assert_eq!(reason, ReasonCode::Success);
                self.open.remove(&id);
                return;
            }
            AckKind::PubRec if reason.is_error() => {
                self.open.remove(&id);
            }
            AckKind::PubRec => {
                self.open.insert(id, true);
            }
            AckKind::PubAck | AckKind::PubRel => {}
        }
        self.sent.push((kind, id));
    }
}

proptest! {
    #[test]
    fn a_clean_session_keeps_the_window_and_its_live_ids(events in vec(out(), 1..400)) {
        let mut session = session(Mode::Clean);
        let mut client = Client::default();
        for event in events {
            match event {
                Out::Deliver { exactly_once, .. } => {
                    let room = session.room();
                    let id = session.deliver(qos(exactly_once));
                    prop_assert_eq!(id.is_some(), room > 0);
                    if let Some(id) = id {
                        client.receive(id, Owes::first(qos(exactly_once)));
                    }
                }
                Out::Answer { pick, refuse } => client.answer(&mut session, pick, refuse),
                Out::Stray { id } => {
                    let ack = Acknowledgement::success(PacketId::new(id).unwrap());
                    prop_assert!(matches!(session.handle_puback(&ack), Step::Continue));
                }
                Out::Commit | Out::NewLeader => {}
            }
            prop_assert_eq!(usize::from(session.room()), usize::from(WINDOW) - client.0.len());
        }
    }

    #[test]
    fn a_durable_session_acknowledges_each_delivery_once(events in vec(out(), 1..400)) {
        let mut session = session(durable());
        let mut client = Client::default();
        let mut shard = Shard { last: 65_500, ..Shard::default() };
        for event in events {
            match event {
                Out::Deliver { exactly_once, gap } => {
                    shard.last += 1 + gap;
                    shard.queue.insert(shard.last, (qos(exactly_once), false));
                }
                Out::Answer { pick, refuse } => client.answer(&mut session, pick, refuse),
                Out::Stray { .. } => {}
                Out::Commit => shard.commit(&mut session, &mut client),
                Out::NewLeader => shard.handed = 0,
            }
            shard.hand_over(&mut session, &mut client);
        }
        // A client that answers everything gets everything.
        for _ in 0..=3 * shard.queue.len() {
            client.answer(&mut session, 0, false);
            shard.commit(&mut session, &mut client);
            shard.hand_over(&mut session, &mut client);
        }
        prop_assert!(shard.queue.is_empty() && client.0.is_empty());
        prop_assert_eq!(session.room(), WINDOW);
    }

    #[test]
    fn acknowledgements_leave_in_the_order_of_the_publishes(events in vec(input(), 1..300)) {
        let mut session = session(Mode::Clean);
        let mut publisher = Publisher::default();
        for event in events {
            match event {
                In::Publish { exactly_once, id, defer } => {
                    publisher.publish(&mut session, exactly_once, id, defer);
                }
                In::Done { pick, refuse } => publisher.done(&mut session, pick, refuse),
                In::Release { id } => publisher.release(&mut session, id),
            }
            let seen = publisher.sent.len();
            prop_assert_eq!(&publisher.sent[..], &publisher.expected[..seen]);
        }
        while !publisher.tickets.is_empty() {
            publisher.done(&mut session, 0, false);
        }
        prop_assert_eq!(publisher.sent, publisher.expected);
    }
}
