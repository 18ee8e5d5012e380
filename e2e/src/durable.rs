//! Publishers and subscribers that keep their side of the protocol over any number of cut connections and
//! from node to node, as a client with a disk would: what is unacknowledged is sent again, in order, with
//! its packet id; at QoS 2 what waits for a release is remembered. Each runs on a thread of its own.

mod publisher;
mod subscriber;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::checker::Checker;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::history::Event;
use crate::packet::{Connect, Version};
use crate::random::Random;
use crate::wait;

pub use publisher::Publisher;
pub use subscriber::Subscriber;

/// Between two attempts to connect while the broker is down.
const RETRY: Duration = Duration::from_millis(3);

/// How the clients of a run behave.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Messages in flight per publisher.
    pub window: usize,
    /// How long a publisher looks for acknowledgements before it sends more; sets its rate.
    pub pace: Duration,
    /// A subscriber goes to another node after this.
    pub stay: Duration,
    /// Who waits this long for a node's answer tries the next one.
    pub silence: Duration,
}

impl Habits {
    /// As fast as one node can, and faithful to it.
    pub const ONE_NODE: Self = Self {
        window: 8,
        pace: Duration::from_millis(3),
        stay: Duration::MAX,
        silence: wait::PATIENCE,
    };

    /// Twenty publishers leave two cores room for three nodes and the clients themselves.
    pub const THREE_NODES: Self = Self {
        window: 4,
        pace: Duration::from_millis(25),
        stay: Duration::from_millis(700),
        silence: Duration::from_millis(1500),
    };
}

/// What all clients of a run share.
#[derive(Debug, Clone)]
pub struct Run {
    nodes: Arc<[Endpoint]>,
    habits: Habits,
    checker: Arc<Mutex<Checker>>,
    timing: Arc<Mutex<Timing>>,
    /// What each client did last, for the report of a failure.
    whereabouts: Arc<Mutex<BTreeMap<String, String>>>,
    no_more: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

/// When acknowledgements came, counted from a mark.
#[derive(Debug, Clone)]
pub struct Timing {
    mark: Instant,
    /// From the mark to a publisher's first acknowledgement of a message that it sent after the mark.
    pub first: BTreeMap<u32, Duration>,
    /// From sending a message for the first time to its acknowledgement, at most, of those acknowledged
    /// after the mark.
    pub longest: Duration,
}

impl Timing {
    fn new() -> Self {
        Self {
            mark: Instant::now(),
            first: BTreeMap::new(),
            longest: Duration::ZERO,
        }
    }

    /// From the mark to the first acknowledgement that any publisher got.
    pub fn earliest(&self) -> Option<Duration> {
        self.first.values().min().copied()
    }

    /// The same of the publisher that waited longest.
    pub fn latest(&self) -> Option<Duration> {
        self.first.values().max().copied()
    }
}

impl Run {
    /// A run against one broker.
    pub fn new(broker: impl Into<Endpoint>, checker: Checker) -> Self {
        Self::over(&[broker.into()], Habits::ONE_NODE, checker)
    }

    /// A run against the nodes of a cluster.
    pub fn over(nodes: &[Endpoint], habits: Habits, checker: Checker) -> Self {
        Self {
            nodes: nodes.into(),
            habits,
            checker: Arc::new(Mutex::new(checker)),
            timing: Arc::new(Mutex::new(Timing::new())),
            whereabouts: Arc::default(),
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

    fn timing_mut(&self) -> MutexGuard<'_, Timing> {
        self.timing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Times count from now.
    pub fn mark(&self) {
        *self.timing_mut() = Timing::new();
    }

    /// The times since the mark.
    pub fn timing(&self) -> Timing {
        self.timing_mut().clone()
    }

    /// Waits until that many publishers had a message acknowledged that they sent after the mark.
    ///
    /// # Errors
    /// When they do not in time.
    pub fn acknowledges_again(&self, publishers: usize) -> Result<Timing> {
        let waited = wait::until("acknowledgements after the mark", wait::PATIENCE, || {
            let timing = self.timing();
            (timing.first.len() >= publishers).then_some(timing)
        });
        waited.with_context(|| {
            let timing = self.timing();
            format!(
                "only {:?} were acknowledged\n{}",
                timing.first,
                self.whereabouts()
            )
        })
    }

    /// Publishers end once everything is acknowledged.
    pub fn publish_no_more(&self) {
        self.no_more.store(true, Ordering::SeqCst);
    }

    fn publishes_no_more(&self) -> bool {
        self.no_more.load(Ordering::SeqCst)
    }

    /// All clients end.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Waits until everything that is acknowledged now has arrived everywhere.
    ///
    /// # Errors
    /// When something does not arrive; with its story.
    pub fn settle(&self) -> Result<()> {
        let mut missing = self.checker().missing();
        let arrived = wait::until("what was acknowledged to arrive", wait::PATIENCE, || {
            let checker = self.checker();
            missing.retain(|(subscriber, message)| checker.is_missing(*subscriber, message));
            missing.is_empty().then_some(())
        });
        let Err(error) = arrived else {
            return Ok(());
        };
        let Some((subscriber, message)) = missing.first() else {
            return Err(error);
        };
        let story = self.checker().story(*message);
        let count = missing.len();
        let clients = self.whereabouts();
        bail!(
            "LOST: {count} messages, the first one {message:?} for subscriber {subscriber}:\n{story}\n{clients}"
        )
    }

    /// What each client did last.
    pub fn whereabouts(&self) -> String {
        let clients = self.whereabouts.lock();
        let clients = clients.unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = clients
            .iter()
            .map(|(name, what)| format!("{name} {what}"))
            .collect();
        lines.join("\n")
    }

    fn note_whereabouts(&self, name: &str, what: String) {
        let mut clients = self
            .whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        clients.insert(name.to_owned(), what);
    }

    /// Whether all promises were kept so far.
    ///
    /// # Errors
    /// The first broken ones, with the story of the first.
    pub fn judge(&self) -> Result<()> {
        let checker = self.checker();
        let violations = checker.violations();
        let Some(first) = violations.first() else {
            return Ok(());
        };
        let list: Vec<String> = violations
            .iter()
            .take(10)
            .map(ToString::to_string)
            .collect();
        let story = first.message().map(|message| checker.story(message));
        bail!(
            "{} broken promises, the first:\n{}\n{}",
            violations.len(),
            list.join("\n"),
            story.unwrap_or_default()
        )
    }
}

/// A client of a run on its way from node to node.
#[derive(Debug)]
struct Traveller {
    run: Run,
    name: String,
    version: Version,
    /// Whether the session must be there.
    known: bool,
    /// Index of the node it tries next.
    next: usize,
    /// Where it goes afterwards: the clients of a node that dies spread over the others.
    random: Random,
}

impl Traveller {
    fn new(run: &Run, name: String, version: Version, first: usize) -> Self {
        Self {
            run: run.clone(),
            name,
            version,
            known: false,
            next: first,
            random: Random::new(first as u64),
        }
    }

    /// Connects to the next node that takes it; nothing when the run is over.
    fn connect(&mut self) -> Option<Client> {
        let options = Connect::persistent(&self.name).version(self.version);
        while !self.run.is_over() {
            let node = self.run.nodes[self.next % self.run.nodes.len()];
            let others = (self.run.nodes.len() as u64).saturating_sub(1).max(1);
            self.next += 1 + self.random.below(others) as usize;
            let client = match Client::connect_within(node, &options, self.run.habits.silence) {
                Ok(client) => client,
                Err(error) => {
                    let what = format!("was not taken by {node}: {error:#}");
                    self.run.note_whereabouts(&self.name, what);
                    wait::pass(RETRY);
                    continue;
                }
            };
            let what = format!("came to {node}");
            self.run.note_whereabouts(&self.name, what);
            if self.known && !client.session_present() {
                self.run.note(Event::SessionLost(self.name.clone()));
            }
            self.known = true;
            return Some(client);
        }
        None
    }
}
