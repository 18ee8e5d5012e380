//! A client that stays with one node, for tests of what that node promises while it is cut off or paused.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::packet::{self, Ack, Connect, Packet, Publish, Version};
use crate::wait;

/// Publishes to a durable session of its own and keeps account of what was acknowledged.
#[derive(Debug)]
pub struct Witness {
    client: Client,
    name: String,
    next: u16,
    acknowledged: BTreeSet<u16>,
}

impl Witness {
    /// A witness with that node; its messages are kept for a session that is made here and sleeps.
    ///
    /// # Errors
    /// When the node does not take it.
    pub fn with(node: Endpoint, name: &str) -> Result<Self> {
        let keeper = Connect::persistent(&format!("{name}-keeper"));
        let mut sleeper = Client::connect(node, &keeper)?;
        sleeper.subscribe(&format!("witness/{name}"), 1)?;
        sleeper.disconnect()?;
        let mut client = Client::connect(node, &Connect::new(name))?;
        // A subscription makes it a client that would miss messages were it not told.
        client.subscribe("witness/nothing", 1)?;
        Ok(Self {
            client,
            name: name.to_owned(),
            next: 1,
            acknowledged: BTreeSet::new(),
        })
    }

    /// Publishes the next message and does not wait; a closed connection is no error.
    pub fn publish(&mut self) {
        let text = self.next.to_string();
        let message = Publish {
            id: self.next,
            ..Publish::new(&format!("witness/{}", self.name), text, 1)
        };
        self.next += 1;
        let _ = self.client.send(&packet::publish(Version::V5, &message));
    }

    /// The number of the last message.
    pub fn published(&self) -> u16 {
        self.next - 1
    }

    /// Takes acknowledgements for a while; says whether the connection is still open.
    pub fn listen(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            match self.client.next_until(end) {
                Ok(Some(Packet::Ack(Ack::PubAck, id, code))) => {
                    if code < 0x80 {
                        self.acknowledged.insert(id);
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Waits until the node closes the connection, publishing all the while.
    ///
    /// # Errors
    /// When it does not.
    pub fn is_closed_within(&mut self, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            self.publish();
            if !self.listen(Duration::from_millis(50)) {
                return Ok(start.elapsed());
            }
        }
        anyhow::bail!("{} is still connected after {limit:?}", self.name)
    }

    /// Numbers of acknowledged messages behind that one.
    pub fn acknowledged_after(&self, number: u16) -> Vec<u16> {
        self.acknowledged.range(number + 1..).copied().collect()
    }

    /// Everything that was acknowledged is there for its session, at that node, in order.
    ///
    /// # Errors
    /// When something is not.
    pub fn nothing_is_lost(&self, node: Endpoint) -> Result<()> {
        let keeper = Connect::persistent(&format!("{}-keeper", self.name));
        let mut client = Client::connect(node, &keeper)?;
        ensure!(
            client.session_present(),
            "the session of {} is gone",
            self.name
        );
        let mut missing = self.acknowledged.clone();
        let mut last = 0;
        let end = Instant::now() + wait::PATIENCE;
        while !missing.is_empty() {
            let packet = client.next_until(end)?;
            let packet = packet.with_context(|| format!("LOST at {}: {missing:?}", self.name))?;
            let Packet::Publish(message) = packet else {
                continue;
            };
            let number: u16 = message.text().parse()?;
            ensure!(number > last, "{number} came after {last}");
            last = number;
            missing.remove(&number);
            client.send(&packet::ack(Ack::PubAck, message.id))?;
        }
        Ok(())
    }
}
