//! A durable subscriber to all publishers, which may move from node to node.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client answers the packets it knows and passes over any other"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{Run, Traveller};
use crate::client::Client;
use crate::history::{Event, Message, Received};
use crate::packet::{self, Ack, Packet, Version};

/// How long a subscriber waits before it looks whether to leave or to end.
const LOOK: Duration = Duration::from_millis(12);

/// A durable subscriber to all publishers.
#[derive(Debug)]
pub struct Subscriber {
    run: Run,
    traveller: Traveller,
    number: u32,
    qos: u8,
    /// Packet ids received at QoS 2 and not released.
    unreleased: BTreeSet<u16>,
}

impl Subscriber {
    /// Subscriber `number` of the run; subscribes before it comes back.
    ///
    /// # Errors
    /// When it cannot subscribe.
    pub fn new(run: &Run, number: u32, qos: u8, version: Version) -> Result<Self> {
        let name = format!("subscriber-{number}");
        let mut traveller = Traveller::new(run, name, version, number as usize);
        let mut client = traveller.connect().context("the run is over")?;
        let granted = client.subscribe("durable/+", qos)?;
        anyhow::ensure!(granted == qos, "granted {granted}");
        Ok(Self {
            run: run.clone(),
            traveller,
            number,
            qos,
            unreleased: BTreeSet::new(),
        })
    }

    /// Receives until the run is over.
    ///
    /// # Errors
    /// When something comes that nobody of the run has sent.
    pub fn run(mut self) -> Result<()> {
        let mut stays = 0;
        while let Some(mut client) = self.traveller.connect() {
            let came = Instant::now();
            stays += 1;
            while !self.run.is_over() && came.elapsed() < self.run.habits.stay {
                match client.next_until(Instant::now() + LOOK) {
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
            // Every other time it leaves without a word.
            if stays % 2 == 0 {
                self.say_good_bye(client)?;
            }
        }
        Ok(())
    }

    /// What was on its way to a client that leaves is taken in, as it would be by a real one.
    fn say_good_bye(&mut self, mut client: Client) -> Result<()> {
        if client.send(&packet::DISCONNECT).is_err() {
            return Ok(());
        }
        let end = Instant::now() + self.run.habits.silence;
        while let Ok(Some(packet)) = client.next_until(end) {
            self.handle(&packet)?;
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
