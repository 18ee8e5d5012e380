//! The end of a seed: nothing fails any more, everybody who is to come back does, and everything must come to rest
//! within a bounded number of rounds.

use super::{Step, World};
use crate::client::State;
use crate::history::Event;
use crate::invariants::Violation;
use crate::limits::{DRAIN_ROUNDS_MAX, REST_ROUNDS};

/// Longer than any delay or expiry of a scenario, in milliseconds.
const ALL_TIMERS_MS: u64 = 20_000;

impl World {
    /// Heals and drains; then lets every timer run out and drains again.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        self.healed = true;
        self.history.note(Event::Healed);
        self.drain()?;
        self.now += ALL_TIMERS_MS;
        self.drain()?;
        if let Some(node) = &self.node {
            node.check_replicas()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), Violation> {
        let mut rest = 0;
        for _ in 0..DRAIN_ROUNDS_MAX {
            self.round()?;
            rest = if self.is_at_rest() { rest + 1 } else { 0 };
            if rest == REST_ROUNDS {
                return Ok(());
            }
        }
        Err(Violation::new("drain", self.unrest()))
    }

    /// Everybody does everything once.
    fn round(&mut self) -> Result<(), Violation> {
        self.now += 10;
        if self.node.is_none() {
            self.start()?;
        }
        for number in 0..self.clients.len() {
            self.client_round(number);
        }
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in links {
            self.move_bytes(link, usize::MAX, usize::MAX)?;
        }
        self.node_round()
    }

    fn client_round(&mut self, number: usize) {
        let leaves = self.clients[number].profile.leaves;
        match (self.clients[number].state, leaves) {
            (State::Away, false) => self.connect(number),
            (State::Away, true) => {}
            (State::Connecting(_) | State::Connected(_), true) => {
                self.with_client(number, |client, around| client.cut(around));
            }
            (State::Connecting(_) | State::Connected(_), false) => {
                self.with_client(number, |client, mut around| {
                    if client.is_connected() {
                        client.send_acks(usize::MAX, &mut around);
                        client.subscribe(&mut around);
                    }
                });
            }
        }
    }

    fn node_round(&mut self) -> Result<(), Violation> {
        let Some(node) = &self.node else {
            return Ok(());
        };
        let (workers, shards) = (node.worker_count(), node.shard_count());
        self.take(Step::Errands)?;
        for worker in 0..workers {
            self.take(Step::Turn(worker))?;
        }
        for shard in 0..shards {
            self.take(Step::Propose(shard))?;
        }
        self.take(Step::Commit)?;
        for shard in 0..shards {
            while self.take(Step::Apply(shard))? {}
        }
        for worker in 0..workers {
            self.take(Step::Turn(worker))?;
        }
        Ok(())
    }

    fn is_at_rest(&mut self) -> bool {
        let mut clients = self.clients.iter().filter(|client| !client.profile.leaves);
        let mut links = self.links.values();
        clients.all(|client| client.is_connected() && client.is_at_rest())
            && links.all(|link| {
                link.to_node.is_empty() && link.at_node.is_empty() && link.to_client.is_empty()
            })
            && self.node.as_mut().is_some_and(super::Node::is_at_rest)
            && self.nothing_is_queued()
    }

    /// A session that waits for its client for ever keeps its queue; all others must be empty.
    fn nothing_is_queued(&self) -> bool {
        let absent = self
            .clients
            .iter()
            .any(|client| client.profile.leaves && client.profile.stays());
        let wills_wait = |statistics: quorate_shard::Statistics| statistics.pending_wills > 0;
        let queued = |statistics: quorate_shard::Statistics| statistics.queued_messages > 0;
        let Some(node) = &self.node else {
            return false;
        };
        !node.statistics().any(wills_wait) && (absent || !node.statistics().any(queued))
    }

    fn unrest(&self) -> String {
        let clients = self.clients.iter().filter(|client| !client.profile.leaves);
        let restless: Vec<_> = clients
            .filter(|client| !client.is_connected() || !client.is_at_rest())
            .collect();
        let node = self.node.as_ref().map(super::Node::unrest);
        format!("no rest: {node:?}; clients {restless:#?}")
    }
}
