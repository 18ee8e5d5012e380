//! A durable publisher: one topic, one QoS, a window of messages in flight.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client answers the packets it knows and passes over any other"
)]

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Result, bail};

use super::{Run, Traveller};
use crate::client::Client;
use crate::history::{Event, Message};
use crate::packet::{self, Ack, Packet, Publish, Version};

/// A durable publisher.
#[derive(Debug)]
pub struct Publisher {
    run: Run,
    traveller: Traveller,
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
    first_sent: Instant,
    last_sent: Instant,
}

impl Publisher {
    /// Publisher `number` of the run, on topic `durable/NUMBER`.
    pub fn new(run: &Run, number: u32, qos: u8, version: Version) -> Self {
        let name = format!("publisher-{number}");
        Self {
            run: run.clone(),
            traveller: Traveller::new(run, name, version, number as usize),
            number,
            qos,
            version,
            next: 1,
            flight: VecDeque::new(),
        }
    }

    /// Publishes until told to stop and everything is acknowledged, or the run is over.
    pub fn run(mut self) {
        while let Some(mut client) = self.traveller.connect() {
            // A cut connection is what this client is for.
            if let Ok(()) = self.converse(&mut client) {
                break;
            }
        }
    }

    /// One connection; comes back without an error when all is done.
    fn converse(&mut self, client: &mut Client) -> Result<()> {
        self.retransmit(client)?;
        let mut heard = Instant::now();
        while !self.run.is_over() {
            if self.flight.is_empty() {
                heard = Instant::now();
            }
            if !self.run.publishes_no_more() {
                self.fill(client)?;
            } else if self.flight.is_empty() {
                return Ok(());
            }
            let end = Instant::now() + self.run.habits.pace;
            while let Some(packet) = client.next_until(end)? {
                heard = Instant::now();
                self.handle(client, &packet)?;
            }
            if heard.elapsed() > self.run.habits.silence {
                bail!("this node says nothing");
            }
        }
        Ok(())
    }

    fn retransmit(&mut self, client: &mut Client) -> Result<()> {
        let mut bytes = Vec::new();
        for flight in &mut self.flight {
            if flight.released {
                bytes.extend(packet::ack(Ack::PubRel, flight.id));
            } else {
                self.run.note(Event::Sent(flight.message));
                flight.last_sent = Instant::now();
                bytes.extend(flight.encode(self.version, true));
            }
        }
        client.send(&bytes)
    }

    fn fill(&mut self, client: &mut Client) -> Result<()> {
        let mut bytes = Vec::new();
        while self.flight.len() < self.run.habits.window {
            let now = Instant::now();
            let flight = Flight {
                message: Message {
                    publisher: self.number,
                    sequence: self.next,
                    qos: self.qos,
                },
                id: ((self.next - 1) % 65_535 + 1) as u16,
                released: false,
                first_sent: now,
                last_sent: now,
            };
            self.next += 1;
            self.run.note(Event::Sent(flight.message));
            bytes.extend(flight.encode(self.version, false));
            self.flight.push_back(flight);
        }
        client.send(&bytes)
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
                self.acknowledged(at);
                self.flight.remove(at);
            }
            Ack::PubRec => {
                if !self.flight[at].released {
                    self.flight[at].released = true;
                    self.acknowledged(at);
                }
                client.send(&packet::ack(Ack::PubRel, *id))?;
            }
            Ack::PubComp | Ack::PubRel => {}
        }
        Ok(())
    }

    fn acknowledged(&self, at: usize) {
        let flight = &self.flight[at];
        self.run.note(Event::Acknowledged(flight.message));
        let mut timing = self.run.timing_mut();
        timing.longest = timing.longest.max(flight.first_sent.elapsed());
        if flight.last_sent > timing.mark {
            let since = timing.mark.elapsed();
            timing.first.entry(self.number).or_insert(since);
        }
    }
}

impl Flight {
    fn encode(&self, version: Version, dup: bool) -> Vec<u8> {
        let Message { publisher, qos, .. } = self.message;
        let topic = format!("durable/{publisher}");
        let message = Publish::new(&topic, self.message.payload(), qos);
        let id = self.id;
        packet::publish(version, &Publish { id, dup, ..message })
    }
}
