//! A publisher and a subscriber that keep their side of the protocol over any number of cut
//! connections, as a client with a disk would: what is unacknowledged is sent again, in order, with its
//! packet id; at QoS 2 what waits for a release is remembered. Each runs on a thread of its own.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client answers the packets it knows and passes over any other"
)]

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::checker::Checker;
use crate::client::Client;
use crate::history::{Event, Message, Received};
use crate::packet::{self, Ack, Connect, Packet, Publish, Version};
use crate::wait;

/// Messages in flight per publisher.
const WINDOW: usize = 8;

/// How long a publisher looks for acknowledgements before it sends more; sets its pace.
const PACE: Duration = Duration::from_millis(3);

/// Between two attempts to connect while the broker is down.
const RETRY: Duration = Duration::from_millis(3);

/// What all clients of a run share.
#[derive(Debug, Clone)]
pub struct Run {
    port: u16,
    checker: Arc<Mutex<Checker>>,
    no_more: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Run {
    /// A run against the broker on that port.
    pub fn new(port: u16, checker: Checker) -> Self {
        let checker = Arc::new(Mutex::new(checker));
        Self {
            port,
            checker,
            no_more: Arc::default(),
            over: Arc::default(),
        }
    }

    /// The judge.
    pub fn checker(&self) -> MutexGuard<'_, Checker> {
        // A client that panicked has failed the test already.
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: Event) {
        self.checker().note(event);
    }

    /// Publishers end once everything is acknowledged.
    pub fn publish_no_more(&self) {
        self.no_more.store(true, Ordering::SeqCst);
    }

    /// All clients end.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Connects as soon as the broker is there; nothing when the run is over.
    fn connect(&self, name: &str, version: Version, known: &mut bool) -> Option<Client> {
        let options = Connect::persistent(name).version(version);
        while !self.is_over() {
            match Client::connect(self.port, &options) {
                Ok(client) => {
                    if *known && !client.session_present() {
                        self.note(Event::SessionLost(name.to_owned()));
                    }
                    *known = true;
                    return Some(client);
                }
                Err(_) => wait::pass(RETRY),
            }
        }
        None
    }
}

/// A durable publisher.
#[derive(Debug)]
pub struct Publisher {
    run: Run,
    number: u32,
    qos: u8,
    version: Version,
    next: u64,
    flight: VecDeque<Flight>,
}

/// A message in flight.
#[derive(Debug)]
struct Flight {
    message: Message,
    id: u16,
    /// PUBREC has come, PUBCOMP not yet.
    released: bool,
}

impl Publisher {
    /// Publisher `number` of the run, on topic `durable/NUMBER`.
    pub fn new(run: &Run, number: u32, qos: u8, version: Version) -> Self {
        let (run, next, flight) = (run.clone(), 1, VecDeque::new());
        Self {
            run,
            number,
            qos,
            version,
            next,
            flight,
        }
    }

    /// Publishes until told to stop and everything is acknowledged, or the run is over.
    pub fn run(mut self) {
        let name = format!("publisher-{}", self.number);
        let mut known = false;
        while let Some(mut client) = self.run.connect(&name, self.version, &mut known) {
            // A cut connection is what this client is for.
            if let Ok(()) = self.converse(&mut client) {
                break;
            }
        }
    }

    /// One connection; comes back without an error when all is done.
    fn converse(&mut self, client: &mut Client) -> Result<()> {
        self.retransmit(client)?;
        while !self.run.is_over() {
            if self.run.no_more.load(Ordering::SeqCst) {
                if self.flight.is_empty() {
                    return Ok(());
                }
            } else {
                self.fill(client)?;
            }
            let end = Instant::now() + PACE;
            while let Some(packet) = client.next_until(end)? {
                self.handle(client, &packet)?;
            }
        }
        Ok(())
    }

    fn retransmit(&self, client: &mut Client) -> Result<()> {
        let mut bytes = Vec::new();
        for flight in &self.flight {
            if flight.released {
                bytes.extend(packet::ack(Ack::PubRel, flight.id));
            } else {
                self.run.note(Event::Sent(flight.message));
                bytes.extend(self.encode(flight, true));
            }
        }
        client.send(&bytes)
    }

    fn fill(&mut self, client: &mut Client) -> Result<()> {
        let mut bytes = Vec::new();
        while self.flight.len() < WINDOW {
            let (publisher, sequence, qos) = (self.number, self.next, self.qos);
            let message = Message {
                publisher,
                sequence,
                qos,
            };
            let id = ((sequence - 1) % 65_535 + 1) as u16;
            let flight = Flight {
                message,
                id,
                released: false,
            };
            self.next += 1;
            self.run.note(Event::Sent(message));
            bytes.extend(self.encode(&flight, false));
            self.flight.push_back(flight);
        }
        client.send(&bytes)
    }

    fn encode(&self, flight: &Flight, dup: bool) -> Vec<u8> {
        let topic = format!("durable/{}", self.number);
        let message = Publish::new(&topic, flight.message.payload(), self.qos);
        packet::publish(
            self.version,
            &Publish {
                id: flight.id,
                dup,
                ..message
            },
        )
    }

    fn handle(&mut self, client: &mut Client, packet: &Packet) -> Result<()> {
        let Packet::Ack(kind, id, code) = packet else {
            return Ok(());
        };
        let Some(at) = self.flight.iter().position(|flight| flight.id == *id) else {
            return Ok(());
        };
        let message = self.flight[at].message;
        match kind {
            // "Packet identifier not found" is how a release is answered that was done before the crash.
            Ack::PubComp if *code == 0 || *code == 0x92 => {
                self.flight.remove(at);
            }
            _ if *code >= 0x80 => {
                self.flight.remove(at);
                self.run.note(Event::Refused(message, *code));
            }
            Ack::PubAck => {
                self.flight.remove(at);
                self.run.note(Event::Acknowledged(message));
            }
            Ack::PubRec => {
                if !self.flight[at].released {
                    self.flight[at].released = true;
                    self.run.note(Event::Acknowledged(message));
                }
                client.send(&packet::ack(Ack::PubRel, *id))?;
            }
            Ack::PubComp | Ack::PubRel => {}
        }
        Ok(())
    }
}

/// A durable subscriber to all publishers.
#[derive(Debug)]
pub struct Subscriber {
    run: Run,
    number: u32,
    qos: u8,
    version: Version,
    /// Packet ids received at QoS 2 and not released.
    unreleased: BTreeSet<u16>,
}

impl Subscriber {
    /// Subscriber `number` of the run; subscribes before it comes back.
    ///
    /// # Errors
    /// When it cannot subscribe.
    pub fn new(run: &Run, number: u32, qos: u8, version: Version) -> Result<Self> {
        let options = Connect::persistent(&Self::name(number)).version(version);
        let mut client = Client::connect(run.port, &options)?;
        let granted = client.subscribe("durable/+", qos)?;
        anyhow::ensure!(granted == qos, "granted {granted}");
        Ok(Self {
            run: run.clone(),
            number,
            qos,
            version,
            unreleased: BTreeSet::new(),
        })
    }

    fn name(number: u32) -> String {
        format!("subscriber-{number}")
    }

    /// Receives until the run is over.
    pub fn run(mut self) -> Result<()> {
        let mut known = true;
        while let Some(mut client) =
            self.run
                .connect(&Self::name(self.number), self.version, &mut known)
        {
            while !self.run.is_over() {
                match client.next_until(Instant::now() + RETRY * 4) {
                    Ok(Some(packet)) => {
                        if let Some(answer) = self.handle(&packet)?
                            && client.send(&answer).is_err()
                        {
                            break;
                        }
                    }
                    Ok(None) => {}
                    Err(_) => break,
                }
            }
        }
        Ok(())
    }

    fn handle(&mut self, packet: &Packet) -> Result<Option<Vec<u8>>> {
        Ok(match packet {
            Packet::Publish(publish) => {
                let message = Message::parse(&publish.payload).context("a foreign message")?;
                let wanted = self.qos.min(message.qos);
                anyhow::ensure!(publish.qos == wanted, "QoS {} of {message:?}", publish.qos);
                let handed_over = publish.qos < 2 || self.unreleased.insert(publish.id);
                let (qos, id, dup) = (publish.qos, publish.id, publish.dup);
                let subscriber = self.number;
                let received = Received {
                    subscriber,
                    message,
                    qos,
                    id,
                    dup,
                    handed_over,
                };
                self.run.note(Event::Received(received));
                let answer = if qos == 1 { Ack::PubAck } else { Ack::PubRec };
                Some(packet::ack(answer, id))
            }
            Packet::Ack(Ack::PubRel, id, _) => {
                self.unreleased.remove(id);
                Some(packet::ack(Ack::PubComp, *id))
            }
            _ => None,
        })
    }
}
