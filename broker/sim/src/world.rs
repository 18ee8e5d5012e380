//! The world of one seed: a node, its storage, links, clients and a clock. Each step lets one of them do one thing.

mod healing;

use std::collections::BTreeMap;

use quorate_wal::SimDisk;

use crate::client::{Client, State, Surroundings, message_of};
use crate::history::{Event, History, LinkNumber, MessageNumber};
use crate::invariants::{Epochs, Violation};
use crate::link::Link;
use crate::node::{Node, Outside, Stop, Storage};
use crate::random::Random;
use crate::scenario::{Mistake, Scenario};

/// See the module.
pub(crate) struct World {
    scenario: Scenario,
    random: Random,
    pub(crate) history: History,
    storage: Storage,
    epochs: Epochs,
    node: Option<Node>,
    incarnation: u64,
    clients: Vec<Client>,
    links: BTreeMap<LinkNumber, Link>,
    links_made: LinkNumber,
    now: u64,
    healed: bool,
}

/// A step of the node.
#[derive(Clone, Copy)]
enum Step {
    Turn(usize),
    Propose(usize),
    Commit,
    Apply(usize),
    Snapshot(usize),
    Errands,
}

impl World {
    pub(crate) fn new(seed: u64, mistake: Mistake) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::draw(&mut random, mistake);
        let clients = scenario.profiles.iter().cloned().enumerate();
        let clients = clients
            .map(|(number, profile)| Client::new(number, profile))
            .collect();
        let disk = SimDisk::new(random.next());
        Self {
            scenario,
            random,
            history: History::default(),
            storage: Storage {
                disk,
                snapshots: BTreeMap::new(),
            },
            epochs: Epochs::default(),
            node: None,
            incarnation: 0,
            clients,
            links: BTreeMap::new(),
            links_made: 0,
            now: 1_000_000,
            healed: false,
        }
    }

    pub(crate) fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// The message each topic retains.
    pub(crate) fn retained(&self) -> BTreeMap<String, MessageNumber> {
        let mut values = BTreeMap::new();
        for (topic, payload) in self.node.iter().flat_map(|node| node.retained(self.now)) {
            values.extend(message_of(&payload).map(|message| (topic, message)));
        }
        values
    }

    /// Chaos, as long as the scenario wants it.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        for _ in 0..self.scenario.steps {
            self.now += self.random.below(4) as u64;
            if self.random.one_in(self.scenario.jump_once_in) {
                self.now += self.random.within(200, 4_000) as u64;
            }
            if self.random.one_in(self.scenario.crash_once_in) {
                self.crash()?;
            }
            match self.random.below(10) {
                0..=2 => self.client_step()?,
                3..=4 => self.network_step()?,
                _ => self.node_step()?,
            }
        }
        Ok(())
    }

    fn client_step(&mut self) -> Result<(), Violation> {
        let number = self.random.below(self.clients.len());
        if self.clients[number].state == State::Away {
            if self.random.one_in(6) {
                self.connect(number);
            }
            return Ok(());
        }
        let cut = self.random.one_in(self.scenario.cut_once_in);
        let goodbye = cut && self.random.one_in(4);
        let choice = self.random.below(12);
        self.with_client(number, |client, mut around| {
            match (cut, goodbye) {
                (true, true) if client.is_connected() => return client.disconnect(around),
                (true, _) => return client.cut(around),
                (false, _) if !client.is_connected() => return,
                (false, _) => {}
            }
            match choice {
                0..=4 => client.publish(&mut around),
                5..=7 => client.send_acks(around.random.below(4), &mut around),
                8 if around.random.one_in(12) => client.unsubscribe(&mut around),
                _ => {
                    client.subscribe(&mut around);
                }
            }
        });
        Ok(())
    }

    fn connect(&mut self, number: usize) {
        let link = self.links_made;
        self.links_made += 1;
        self.links
            .insert(link, Link::new(link, number, self.scenario.socket_bytes));
        if let Some(node) = &mut self.node {
            node.accept(link);
        }
        let link = self.links.get_mut(&link).expect("inserted above");
        let around = Surroundings {
            random: &mut self.random,
            history: &mut self.history,
            link,
        };
        self.clients[number].connect(around);
        if self.node.is_none() {
            link_refused(&mut self.clients[number], link, &mut self.history);
        }
    }

    fn with_client(&mut self, number: usize, act: impl FnOnce(&mut Client, Surroundings<'_>)) {
        let client = &mut self.clients[number];
        let link = client.link().and_then(|link| self.links.get_mut(&link));
        if let Some(link) = link {
            act(
                client,
                Surroundings {
                    random: &mut self.random,
                    history: &mut self.history,
                    link,
                },
            );
        }
    }

    /// Bytes of some link move in both directions.
    fn network_step(&mut self) -> Result<(), Violation> {
        let count = self.links.len();
        let Some(number) = self.links.keys().nth(self.random.below(count)).copied() else {
            return Ok(());
        };
        let most = if self.random.one_in(4) { 10 } else { 10_000 };
        let (there, back) = (self.random.below(most) + 1, self.random.below(most) + 1);
        self.move_bytes(number, there, back)
    }

    fn move_bytes(
        &mut self,
        number: LinkNumber,
        there: usize,
        back: usize,
    ) -> Result<(), Violation> {
        let Some(link) = self.links.get_mut(&number) else {
            return Ok(());
        };
        link.carry(there);
        let client = &mut self.clients[link.client];
        if client.link() == Some(number) {
            let bytes = link.read_by_client(back);
            let mut around = Surroundings {
                random: &mut self.random,
                history: &mut self.history,
                link,
            };
            client.read(&bytes, &mut around)?;
            if link.ended_for_client() {
                link.client_closed = true;
                client.close(number, &mut self.history);
            }
        }
        if link.is_over() {
            self.links.remove(&number);
        }
        Ok(())
    }

    fn node_step(&mut self) -> Result<(), Violation> {
        if self.node.is_none() {
            return self.start();
        }
        let Some(node) = &self.node else {
            return Ok(());
        };
        let (workers, shards) = (node.worker_count(), node.shard_count());
        let snapshot = self.random.one_in(self.scenario.snapshot_once_in);
        let step = match self.random.below(10) {
            _ if snapshot => Step::Snapshot(self.random.below(shards)),
            0..=2 => Step::Turn(self.random.below(workers)),
            3..=4 => Step::Propose(self.random.below(shards)),
            5 => Step::Commit,
            6..=7 => Step::Apply(self.random.below(shards)),
            _ => Step::Errands,
        };
        self.take(step).map(|_| ())
    }

    /// Lets the node take a step; starts it again if its power went. Whether something was applied.
    fn take(&mut self, step: Step) -> Result<bool, Violation> {
        let (Some(node), mut outside) = self.split() else {
            return Ok(false);
        };
        let taken = match step {
            Step::Turn(worker) => node.turn(worker, &mut outside).map(|()| false),
            Step::Propose(shard) => node.propose(shard, &mut outside).map(|()| false),
            Step::Commit => node.commit().map(|()| false),
            Step::Apply(shard) => node.apply(shard, &mut outside),
            Step::Snapshot(shard) => node.snapshot(shard, &mut outside).map(|()| false),
            Step::Errands => node.errands(&mut outside).map(|()| false),
        };
        match taken {
            Ok(applied) => Ok(applied),
            Err(Stop::Violated(violation)) => Err(violation),
            Err(Stop::PowerLost) => {
                self.die();
                Ok(false)
            }
        }
    }

    fn split(&mut self) -> (Option<&mut Node>, Outside<'_>) {
        let outside = Outside {
            random: &mut self.random,
            history: &mut self.history,
            links: &mut self.links,
            storage: &mut self.storage,
            epochs: &mut self.epochs,
            now: self.now,
            healed: self.healed,
        };
        (self.node.as_mut(), outside)
    }

    /// The machine dies: now, in the middle of the next commit, or at some write to come.
    fn crash(&mut self) -> Result<(), Violation> {
        match self.random.below(3) {
            0 => self.die(),
            1 => {
                let operations = self.random.below(4) as u64;
                self.storage.disk.cut_power_after(operations);
                self.take(Step::Commit)?;
                self.die();
            }
            _ => {
                let operations = self.random.below(60) as u64;
                self.storage.disk.cut_power_after(operations);
            }
        }
        Ok(())
    }

    fn die(&mut self) {
        if self.node.take().is_none() {
            return;
        }
        self.storage.disk.crash();
        self.history.note(Event::Crashed);
        for link in self.links.values_mut() {
            link.cut_by_node(&mut self.random);
        }
    }

    fn start(&mut self) -> Result<(), Violation> {
        self.incarnation += 1;
        let (scenario, incarnation) = (self.scenario.clone(), self.incarnation);
        let (_, mut outside) = self.split();
        match Node::start(&scenario, incarnation, &mut outside) {
            Ok(node) => {
                self.node = Some(node);
                Ok(())
            }
            Err(Stop::Violated(violation)) => Err(violation),
            Err(Stop::PowerLost) => {
                self.storage.disk.crash();
                Ok(())
            }
        }
    }
}

/// Nobody listens.
fn link_refused(client: &mut Client, link: &mut Link, history: &mut History) {
    link.node_closed = true;
    link.client_closed = true;
    client.close(link.number, history);
}
