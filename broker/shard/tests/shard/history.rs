//! Random histories: operations over a small world of clients, filters and topics, turned into batches for a shard.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

pub(crate) const CLIENTS: [&str; 4] = ["a", "b", "c", "d"];
pub(crate) const FILTERS: [&str; 7] = ["t/1", "t/2", "t/+", "t/#", "#", "+/1", "t/1/x"];
pub(crate) const TOPICS: [&str; 5] = ["t/1", "t/2", "t", "u/1", "$s/1"];

/// One operation; numbers choose among what there is.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Claim {
        client: usize,
        node: u64,
        clean: bool,
        expiry: u32,
        window: u16,
        will: Option<u32>,
    },
    Release {
        of: Of,
        fire_will: bool,
        expiry: Option<u32>,
    },
    ReleaseNode {
        node: u64,
    },
    Subscribe {
        of: Of,
        filter: usize,
        qos: QoS,
        no_local: bool,
    },
    Unsubscribe {
        of: Of,
        filter: usize,
    },
    Publish {
        topic: usize,
        qos: QoS,
        size: usize,
        expiry: Option<u32>,
        publisher: Option<usize>,
        origin: Option<u64>,
    },
    Enqueue {
        of: Of,
        count: usize,
    },
    Acknowledge {
        of: Of,
        sequences: Vec<Sequence>,
    },
    Received {
        of: Of,
        sequences: Vec<Sequence>,
    },
    InboundStart {
        of: Of,
        id: u16,
    },
    InboundRelease {
        of: Of,
        id: u16,
    },
    Forget {
        origin: u64,
    },
    Retain {
        topic: usize,
        size: usize,
        expiry: Option<u32>,
    },
    WillDone {
        of: Of,
    },
}

/// Whose session an operation means, and whether it names an epoch that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of {
    pub(crate) client: usize,
    pub(crate) stale: bool,
}

/// Operations of one batch, how much time passes before it, and what happens around it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) ops: Vec<Op>,
    pub(crate) millis: u64,
    pub(crate) node: NodeId,
    /// The batch comes a second time.
    pub(crate) repeat: bool,
    /// One of the replicas goes through a snapshot after it.
    pub(crate) snapshot: bool,
}

pub(crate) fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        prop::collection::vec(op(), 0..6),
        prop_oneof![4 => Just(0), 4 => 1..500u64, 1 => 1_000..8_000u64],
        1..4u64,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    let step = step.prop_map(|(ops, millis, node, repeat, snapshot)| Step {
        ops,
        millis,
        node,
        repeat,
        snapshot,
    });
    prop::collection::vec(step, 1..count)
}

fn of() -> impl Strategy<Value = Of> {
    (0..CLIENTS.len(), prop::bool::weighted(0.1)).prop_map(|(client, stale)| Of { client, stale })
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![1 => Just(QoS::AtMostOnce), 3 => Just(QoS::AtLeastOnce), 3 => Just(QoS::ExactlyOnce)]
}

fn expiry() -> impl Strategy<Value = Option<u32>> {
    prop::option::weighted(0.3, 0..6u32)
}

fn sequences() -> impl Strategy<Value = Vec<Sequence>> {
    prop::collection::vec(
        prop_oneof![8 => 1..12u64, 1 => 0..60u64, 1 => any::<u64>()],
        0..8,
    )
}

fn op() -> impl Strategy<Value = Op> {
    let release = (of(), any::<bool>(), prop::option::weighted(0.2, 0..5u32)).prop_map(
        |(of, fire_will, expiry)| Op::Release {
            of,
            fire_will,
            expiry,
        },
    );
    let subscribe =
        (of(), 0..FILTERS.len(), qos(), any::<bool>()).prop_map(|(of, filter, qos, no_local)| {
            Op::Subscribe {
                of,
                filter,
                qos,
                no_local,
            }
        });
    prop_oneof![
        6 => claim(),
        3 => release,
        1 => (1..4u64).prop_map(|node| Op::ReleaseNode { node }),
        6 => subscribe,
        2 => (of(), 0..FILTERS.len()).prop_map(|(of, filter)| Op::Unsubscribe { of, filter }),
        12 => publication(),
        2 => (of(), 0..3usize).prop_map(|(of, count)| Op::Enqueue { of, count }),
        6 => (of(), sequences()).prop_map(|(of, sequences)| Op::Acknowledge { of, sequences }),
        4 => (of(), sequences()).prop_map(|(of, sequences)| Op::Received { of, sequences }),
        2 => (of(), 1..4u16).prop_map(|(of, id)| Op::InboundStart { of, id }),
        2 => (of(), 1..4u16).prop_map(|(of, id)| Op::InboundRelease { of, id }),
        1 => (0..5u64).prop_map(|origin| Op::Forget { origin }),
        3 => (0..TOPICS.len(), 0..300usize, expiry())
            .prop_map(|(topic, size, expiry)| Op::Retain { topic, size, expiry }),
        2 => of().prop_map(|of| Op::WillDone { of }),
    ]
}

fn claim() -> impl Strategy<Value = Op> {
    let parts = (
        0..CLIENTS.len(),
        1..4u64,
        prop::bool::weighted(0.2),
        0..4u32,
        1..5u16,
        prop::option::of(0..4u32),
    );
    parts.prop_map(|(client, node, clean, expiry, window, will)| {
        let expiry = if expiry == 3 {
            EXPIRY_NEVER
        } else {
            expiry * 3
        };
        Op::Claim {
            client,
            node,
            clean,
            expiry,
            window,
            will,
        }
    })
}

fn publication() -> impl Strategy<Value = Op> {
    let parts = (
        0..TOPICS.len(),
        qos(),
        0..300usize,
        expiry(),
        prop::option::weighted(0.3, 0..CLIENTS.len()),
        prop::option::weighted(0.3, 0..5u64),
    );
    parts.prop_map(
        |(topic, qos, size, expiry, publisher, origin)| Op::Publish {
            topic,
            qos,
            size,
            expiry,
            publisher,
            origin,
        },
    )
}

/// Turns operations into batches, and learns sessions and epochs from outcomes.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    index: u64,
    time: Millis,
    sequences: BTreeMap<NodeId, u64>,
    lives: BTreeMap<NodeId, Incarnation>,
    claims: BTreeMap<usize, Vec<(SessionId, Epoch)>>,
    texts: u64,
}

impl Driver {
    pub(crate) fn next_index(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// The batch of a step.
    pub(crate) fn batch(&mut self, step: &Step) -> Batch {
        self.time += step.millis;
        let commands = step
            .ops
            .iter()
            .map(|op| self.command(op, step.node))
            .collect();
        let incarnation = *self.lives.entry(step.node).or_insert(1);
        let sequence = self.sequences.entry(step.node).or_default();
        *sequence += 1;
        Batch {
            node: step.node,
            incarnation,
            sequence: *sequence,
            time: self.time,
            commands,
        }
    }

    /// Reads what a batch came to.
    pub(crate) fn learn(&mut self, step: &Step, outcomes: &[Outcome]) {
        for (op, outcome) in step.ops.iter().zip(outcomes) {
            if let (Op::Claim { client, .. }, Outcome::Claimed(claimed)) = (op, outcome) {
                self.claims
                    .entry(*client)
                    .or_default()
                    .push((claimed.session, claimed.epoch));
            }
            if let Op::ReleaseNode { node } = op
                && *node != step.node
            {
                *self.lives.entry(*node).or_insert(1) += 1;
                self.sequences.insert(*node, 0);
            }
        }
    }

    fn named(&self, of: Of) -> (SessionId, Epoch) {
        let claims = self.claims.get(&of.client).map_or(&[][..], Vec::as_slice);
        let back = usize::from(of.stale) + 1;
        claims
            .len()
            .checked_sub(back)
            .map_or((0, 0), |position| claims[position])
    }

    fn text(&mut self, size: usize) -> String {
        self.texts += 1;
        format!("{}{}", self.texts, ".".repeat(size))
    }

    fn command(&mut self, op: &Op, proposer: NodeId) -> Command {
        match op.clone() {
            Op::Claim {
                client,
                node,
                clean,
                expiry,
                window,
                will: delay,
            } => Command::Claim(Claim {
                client_id: CLIENTS[client].into(),
                node,
                clean_start: clean,
                expiry_seconds: expiry,
                window,
                will: delay.and_then(will),
            }),
            Op::ReleaseNode { node } => {
                let life = self.lives.get(&node).copied().unwrap_or(1);
                let before = if node == proposer { life } else { life + 1 };
                Command::ReleaseNode(ReleaseNode { node, before })
            }
            Op::Publish {
                topic,
                qos,
                size,
                expiry,
                publisher,
                origin,
            } => {
                let mut message = message(TOPICS[topic], &self.text(size), qos);
                message.expiry_seconds = expiry;
                let publisher = publisher.map(|client| CLIENTS[client].into());
                Command::Publish(Publish {
                    message,
                    publisher,
                    origin: origin.map(inbound_origin),
                    plain: true,
                    groups: Vec::new(),
                })
            }
            Op::Forget { origin } => Command::Forget(Forget {
                origin: inbound_origin(origin),
            }),
            Op::Retain {
                topic,
                size,
                expiry,
            } => self.retain(topic, size, expiry),
            Op::Release { of, .. }
            | Op::Subscribe { of, .. }
            | Op::Unsubscribe { of, .. }
            | Op::Enqueue { of, .. }
            | Op::Acknowledge { of, .. }
            | Op::Received { of, .. }
            | Op::InboundStart { of, .. }
            | Op::InboundRelease { of, .. }
            | Op::WillDone { of } => {
                let (session, epoch) = self.named(of);
                self.session_command(op, session, epoch)
            }
        }
    }

    fn retain(&mut self, topic: usize, size: usize, expiry_seconds: Option<u32>) -> Command {
        let text = if size == 0 {
            String::new()
        } else {
            self.text(size)
        };
        let message = message(TOPICS[topic], &text, QoS::AtLeastOnce);
        Command::Retain(Retain {
            message: Message {
                expiry_seconds,
                ..message
            },
        })
    }

    fn session_command(&mut self, op: &Op, session: SessionId, epoch: Epoch) -> Command {
        match op.clone() {
            Op::Release {
                fire_will,
                expiry: expiry_seconds,
                ..
            } => Command::Release(Release {
                session,
                epoch,
                fire_will,
                expiry_seconds,
            }),
            Op::Subscribe {
                filter,
                qos,
                no_local,
                ..
            } => {
                let mut subscription = subscription(FILTERS[filter], qos);
                subscription.options.no_local = no_local;
                Command::Subscribe(Subscribe {
                    session,
                    epoch,
                    subscriptions: vec![subscription],
                })
            }
            Op::Unsubscribe { filter, .. } => Command::Unsubscribe(Unsubscribe {
                session,
                epoch,
                filters: vec![FILTERS[filter].into()],
            }),
            Op::Enqueue { count, .. } => {
                let messages = (0..count)
                    .map(|_| message("t/1", &self.text(9), QoS::AtLeastOnce))
                    .collect();
                Command::Enqueue(Enqueue {
                    session,
                    epoch,
                    messages,
                    identifier: None,
                })
            }
            Op::Acknowledge { sequences, .. } => Command::Acknowledge(Acknowledge {
                session,
                epoch,
                sequences,
            }),
            Op::Received { sequences, .. } => Command::Received(Received {
                session,
                epoch,
                sequences,
            }),
            Op::InboundStart { id, .. } => Command::InboundStart(InboundStart {
                session,
                epoch,
                packet_id: packet(id),
            }),
            Op::InboundRelease { id, .. } => Command::InboundRelease(InboundRelease {
                session,
                epoch,
                packet_id: packet(id),
            }),
            Op::WillDone { .. } => Command::WillDone(WillDone { session, epoch }),
            Op::Claim { .. }
            | Op::ReleaseNode { .. }
            | Op::Publish { .. }
            | Op::Forget { .. }
            | Op::Retain { .. } => unreachable!("names no session"),
        }
    }
}

fn inbound_origin(sequence: u64) -> Origin {
    Origin::Inbound {
        shard: 0,
        session: 99,
        sequence,
    }
}
