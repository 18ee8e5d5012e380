//! The front door's part for one link: CONNECT, claim, the connection before closed, then over to a worker. In the
//! broker these are tasks; here each takes a step when the world lets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use quorate_codec::{ConnAck, Connect, DecodeLimits, Decoded, Packet, ReasonCode};
use quorate_node::front_door::{ConnectOptions, ConnectionSlot};
use quorate_node::shard_client::{ReplyTo, Request};
use quorate_node::worker::{OnDrop, Opening, ToWorker};
use quorate_shard::{Claim, Claimed, Command, Message, Outcome, Will};
use tokio::sync::oneshot;

use super::worker::Mail;
use super::{NODE, Node, Outside};
use crate::history::LinkNumber;
use crate::invariants::Violation;

/// A link that is not a worker's yet.
pub(super) struct Login {
    link: LinkNumber,
    stage: Stage,
}

enum Stage {
    /// Bytes of CONNECT so far.
    Reading(Vec<u8>),
    /// The claim is on its way.
    Claiming {
        options: ConnectOptions,
        leftover: Vec<u8>,
        answer: oneshot::Receiver<Outcome>,
    },
    /// The connection before has to close first.
    Closing {
        options: ConnectOptions,
        leftover: Vec<u8>,
        claimed: Box<Claimed>,
        closed: Arc<AtomicBool>,
    },
    /// Handed over, or given up.
    Over,
}

impl Node {
    /// A client has connected.
    pub(crate) fn accept(&mut self, link: LinkNumber) {
        self.logins.push(Login {
            link,
            stage: Stage::Reading(Vec::new()),
        });
    }

    /// Each login takes a step.
    pub(super) fn log_in(&mut self, outside: &mut Outside<'_>) -> Result<(), Violation> {
        for mut login in std::mem::take(&mut self.logins) {
            login.stage = self.step(login.link, login.stage, outside)?;
            if !matches!(login.stage, Stage::Over) {
                self.logins.push(login);
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        link: LinkNumber,
        stage: Stage,
        outside: &mut Outside<'_>,
    ) -> Result<Stage, Violation> {
        match stage {
            Stage::Reading(bytes) => self.read_connect(link, bytes, outside),
            Stage::Claiming {
                options,
                leftover,
                mut answer,
            } => match answer.try_recv() {
                Ok(Outcome::Claimed(claimed)) => {
                    Ok(self.claimed(link, options, leftover, claimed, outside))
                }
                Ok(other) => Err(Violation::new(
                    "protocol",
                    format!("a claim came to {other:?}"),
                )),
                Err(_) => Ok(Stage::Claiming {
                    options,
                    leftover,
                    answer,
                }),
            },
            Stage::Closing {
                options,
                leftover,
                claimed,
                closed,
            } => {
                if closed.load(Ordering::Relaxed) {
                    self.hand_over(link, options, leftover, *claimed, outside);
                    Ok(Stage::Over)
                } else {
                    Ok(Stage::Closing {
                        options,
                        leftover,
                        claimed,
                        closed,
                    })
                }
            }
            Stage::Over => Ok(Stage::Over),
        }
    }

    fn read_connect(
        &mut self,
        number: LinkNumber,
        mut bytes: Vec<u8>,
        outside: &mut Outside<'_>,
    ) -> Result<Stage, Violation> {
        let Some(link) = outside.links.get_mut(&number) else {
            return Ok(Stage::Over);
        };
        bytes.append(&mut link.at_node);
        let decoded = quorate_codec::decode_connect(&bytes, &DecodeLimits::default());
        let decoded =
            decoded.map_err(|error| Violation::new("protocol", format!("CONNECT: {error:?}")))?;
        match decoded {
            Decoded::Incomplete { .. } if link.ended_for_node() => {
                link.node_closed = true;
                Ok(Stage::Over)
            }
            Decoded::Incomplete { .. } => Ok(Stage::Reading(bytes)),
            Decoded::Packet { packet, consumed } => {
                let options = options(&packet);
                let (told, answer) = oneshot::channel();
                let shard = self.slots.shard_of(options.client_id.as_bytes());
                let command = Command::Claim(claim(&packet, &options));
                let reply = ReplyTo::Oneshot(told);
                self.shards[usize::from(shard)].submit(vec![Request { command, reply }]);
                let leftover = bytes[consumed..].to_vec();
                Ok(Stage::Claiming {
                    options,
                    leftover,
                    answer,
                })
            }
        }
    }

    /// The claim holds: the connection before, if this node has it, is closed first.
    fn claimed(
        &mut self,
        number: LinkNumber,
        options: ConnectOptions,
        leftover: Vec<u8>,
        claimed: Box<Claimed>,
        outside: &mut Outside<'_>,
    ) -> Stage {
        let Ok(previous) = self.registry.claim(&options.client_id, claimed.epoch) else {
            if let Some(link) = outside.links.get_mut(&number) {
                link.node_closed = true;
            }
            return Stage::Over;
        };
        let closed = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&closed);
        let confirm = OnDrop::new(Box::new(move || set.store(true, Ordering::Relaxed)));
        if let Some((worker, connection)) = previous.and_then(|entry| entry.connection) {
            let message = ToWorker::TakeOver {
                connection,
                closed: confirm,
            };
            self.workers[usize::from(worker)]
                .mail
                .push_back(Mail::Told(message));
        }
        Stage::Closing {
            options,
            leftover,
            claimed,
            closed,
        }
    }

    fn hand_over(
        &mut self,
        number: LinkNumber,
        connect: ConnectOptions,
        leftover: Vec<u8>,
        claimed: Claimed,
        outside: &mut Outside<'_>,
    ) {
        let connack = ConnAck {
            session_present: claimed.present,
            reason: ReasonCode::Success,
            properties: quorate_codec::ConnAckProperties::NONE,
        };
        let mut bytes = Vec::new();
        quorate_codec::encode(&Packet::ConnAck(connack), connect.version, &mut bytes)
            .expect("a CONNACK without properties can be encoded");
        if let Some(link) = outside.links.get_mut(&number) {
            link.epoch = claimed.epoch;
        }
        let opening = Opening {
            connack: bytes,
            shard: self.slots.shard_of(connect.client_id.as_bytes()),
            connect,
            claimed,
            slot: ConnectionSlot::uncounted(),
        };
        let worker = outside.random.below(self.workers.len());
        let mail = Mail::Connection(Box::new(opening), number, leftover);
        self.workers[worker].mail.push_back(mail);
    }
}

fn options(connect: &Connect<'_>) -> ConnectOptions {
    let properties = &connect.properties;
    ConnectOptions {
        version: connect.version,
        client_id: connect.client_id.into(),
        clean_start: connect.clean_start,
        keep_alive_seconds: connect.keep_alive_seconds,
        session_expiry_seconds: connect.session_expiry_seconds(),
        receive_maximum: properties.receive_maximum.map_or(u16::MAX, u16::from),
        packet_bytes_max: properties.maximum_packet_bytes.map_or(u32::MAX, u32::from),
        topic_alias_maximum: properties.topic_alias_maximum,
        request_problem_information: properties.request_problem_information,
    }
}

fn claim(connect: &Connect<'_>, options: &ConnectOptions) -> Claim {
    Claim {
        client_id: Arc::clone(&options.client_id),
        node: NODE,
        clean_start: options.clean_start,
        expiry_seconds: options.session_expiry_seconds,
        window: quorate_session::Limits::default().window(options.receive_maximum),
        will: connect.will.as_ref().map(own_will),
    }
}

fn own_will(will: &quorate_codec::Will<'_>) -> Will {
    Will {
        message: Message {
            topic: will.topic.as_str().into(),
            properties: Bytes::new(),
            payload: Bytes::copy_from_slice(will.payload),
            qos: will.qos,
            retain: will.retain,
            expiry_seconds: will.properties.expiry_seconds,
        },
        delay_seconds: will.properties.delay_seconds,
    }
}
