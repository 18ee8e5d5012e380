//! The node: real workers' cores, shards, dispatchers and log, wired as `node.rs` of the broker wires them, but
//! every thread and task is a step that the world takes when chance says so. A crash drops it; only the storage
//! it was opened on goes on.

mod forgetting;
mod journal;
mod login;
mod post;
mod reading;
mod replica;
mod shard_host;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quorate_control::SlotMap;
use quorate_node::registry::Registry;
use quorate_node::shard_client::{ReplyTo, Request};
use quorate_node::worker::ToWorker;
use quorate_shard::{Command, Incarnation, NodeId, Origin, Outcome, ReleaseNode, WillDone};
use tokio::sync::{mpsc, oneshot};

use crate::history::{Event, History, LinkNumber};
use crate::invariants::{Epochs, Violation};
use crate::limits::FORGET_LISTS_MAX;
use crate::link::Link;
use crate::random::Random;
use crate::scenario::Scenario;
use forgetting::Forgetting;
pub(crate) use journal::Storage;
use journal::{Failed, Journal};
use login::Login;
use post::{Post, Posted};
use reading::Reading;
use shard_host::ShardHost;
use worker::{Mail, SimWorker};

/// The only node there is today.
pub(crate) const NODE: NodeId = 1;

/// What the world lends the node for a step.
pub(crate) struct Outside<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) history: &'a mut History,
    pub(crate) links: &'a mut BTreeMap<LinkNumber, Link>,
    pub(crate) storage: &'a mut Storage,
    pub(crate) epochs: &'a mut Epochs,
    pub(crate) now: u64,
    /// Nothing may fail any more.
    pub(crate) healed: bool,
}

/// Why a step did not end well.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The machine is off: crash and start again.
    PowerLost,
    /// A promise is broken.
    Violated(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violated(violation)
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::PowerLost => Self::PowerLost,
            Failed::Damaged(what) => Self::Violated(Violation::new("log", what)),
        }
    }
}

/// See the module.
pub(crate) struct Node {
    scenario: Scenario,
    slots: SlotMap,
    incarnation: Incarnation,
    started_at: u64,
    journal: Journal,
    shards: Vec<ShardHost>,
    workers: Vec<SimWorker>,
    registry: Arc<Registry>,
    post: Arc<Post>,
    logins: Vec<Login>,
    readings: Vec<Reading>,
    forgetting: Forgetting,
    /// Answers that must come before clients are let in.
    releases: Vec<oneshot::Receiver<Outcome>>,
    interest_loaded: Vec<Arc<AtomicBool>>,
}

impl Node {
    /// Opens the log and the snapshots, replays, leads, and fences earlier lives.
    pub(crate) fn start(
        scenario: &Scenario,
        incarnation: Incarnation,
        outside: &mut Outside<'_>,
    ) -> Result<Self, Stop> {
        let slots = SlotMap::even(scenario.shards).expect("there are one to three shards");
        let journal = Journal::open(&outside.storage.disk)?;
        let post = Arc::new(Post::default());
        let (forget, forgettable) = mpsc::channel(FORGET_LISTS_MAX);
        let mut shards = Vec::new();
        for shard in 0..scenario.shards {
            let snapshot = outside.storage.snapshots.get(&shard);
            let parts = (scenario, incarnation, &journal, snapshot);
            shards.push(ShardHost::open(shard, parts, &post, forget.clone())?);
        }
        let registry = Arc::<Registry>::default();
        let workers =
            (0..scenario.workers).map(|id| SimWorker::new(id, scenario, &slots, &registry));
        let mut node = Self {
            scenario: scenario.clone(),
            incarnation,
            started_at: outside.now,
            journal,
            shards,
            workers: workers.collect(),
            registry,
            post,
            logins: Vec::new(),
            readings: Vec::new(),
            forgetting: Forgetting::new(forgettable),
            releases: Vec::new(),
            interest_loaded: Vec::new(),
            slots,
        };
        node.lead();
        outside.history.note(Event::Started { incarnation });
        Ok(node)
    }

    /// Wills that are due at once wait until every shard has told its interest, as in the broker.
    fn lead(&mut self) {
        for host in &mut self.shards {
            host.lead();
            self.interest_loaded.push(host.when_interest_is_loaded());
            let (told, answer) = oneshot::channel();
            let before = self.incarnation;
            let command = Command::ReleaseNode(ReleaseNode { node: NODE, before });
            host.submit(vec![Request {
                command,
                reply: ReplyTo::Oneshot(told),
            }]);
            self.releases.push(answer);
        }
        let is_will = |posted: &Posted| matches!(posted, Posted::Will { .. });
        let (wills, others): (Vec<_>, Vec<_>) = self.post.take().into_iter().partition(is_will);
        for posted in others.into_iter().chain(wills) {
            self.deliver_one(posted);
        }
    }

    /// Whether clients are let in.
    fn is_ready(&mut self) -> bool {
        self.releases
            .retain_mut(|release| release.try_recv().is_err());
        let loaded = |flag: &Arc<AtomicBool>| flag.load(Ordering::Relaxed);
        self.releases.is_empty() && self.interest_loaded.iter().all(loaded)
    }

    /// One turn of one worker.
    pub(crate) fn turn(&mut self, worker: usize, outside: &mut Outside<'_>) -> Result<(), Stop> {
        let now = outside.now - self.started_at;
        let handed_out = self.workers[worker].turn(now, outside.links)?;
        let own = worker as u16;
        for (shard, requests) in handed_out.requests.into_iter().enumerate() {
            self.shards[shard].submit(requests);
        }
        for (to, mail) in handed_out.mail {
            self.workers[usize::from(to)]
                .mail
                .push_back(Mail::Told(mail));
        }
        for errand in handed_out.errands {
            self.run_errand(own, errand);
        }
        drop(handed_out.confirmed);
        self.deliver_post();
        Ok(())
    }

    /// One shard's proposer looks at what is queued.
    pub(crate) fn propose(&mut self, shard: usize, outside: &mut Outside<'_>) -> Result<(), Stop> {
        let refused = !outside.healed && outside.random.one_in(self.scenario.refused_batch_once_in);
        self.shards[shard].propose(&mut self.journal, outside.now, refused)?;
        Ok(())
    }

    /// Everything appended is written and synced.
    pub(crate) fn commit(&mut self) -> Result<(), Stop> {
        self.journal.commit()?;
        for host in &mut self.shards {
            host.committed();
        }
        Ok(())
    }

    /// One shard applies one entry.
    pub(crate) fn apply(&mut self, shard: usize, outside: &mut Outside<'_>) -> Result<bool, Stop> {
        let applied = self.shards[shard].apply_next(&self.post, outside)?;
        self.deliver_post();
        Ok(applied)
    }

    /// One shard's state is put in a snapshot, and its log cut.
    pub(crate) fn snapshot(&mut self, shard: usize, outside: &mut Outside<'_>) -> Result<(), Stop> {
        self.shards[shard].snapshot(&mut self.journal, outside)?;
        Ok(())
    }

    /// Front door, retained reads and forgetting take a step each.
    pub(crate) fn errands(&mut self, outside: &mut Outside<'_>) -> Result<(), Stop> {
        if self.is_ready() {
            self.log_in(outside)?;
        }
        self.read_retained(outside);
        let shards = &mut self.shards;
        self.forgetting
            .step(shards.len() as u16, |shard, requests| {
                shards[usize::from(shard)].submit(requests);
            });
        self.deliver_post();
        Ok(())
    }

    pub(crate) fn worker_count(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// Whether nothing is on its way inside.
    pub(crate) fn is_at_rest(&mut self) -> bool {
        self.is_ready()
            && self.logins.is_empty()
            && self.readings.is_empty()
            && self.forgetting.is_idle()
            && self.workers.iter().all(|worker| worker.mail.is_empty())
            && self.shards.iter().all(ShardHost::is_at_rest)
    }

    /// What does not rest, for a report.
    pub(crate) fn unrest(&self) -> String {
        let shards: Vec<_> = self.shards.iter().map(ShardHost::unrest).collect();
        format!(
            "{} logins, {} reads, forgetting idle {}, mail {:?}, shards {shards:?}",
            self.logins.len(),
            self.readings.len(),
            self.forgetting.is_idle(),
            self.workers
                .iter()
                .map(|worker| worker.mail.len())
                .collect::<Vec<_>>(),
        )
    }

    /// Replicas against what they replicate.
    pub(crate) fn check_replicas(&self) -> Result<(), Violation> {
        self.shards.iter().try_for_each(ShardHost::check_replica)
    }

    /// Messages queued for sessions, in all shards.
    pub(crate) fn statistics(&self) -> impl Iterator<Item = quorate_shard::Statistics> + '_ {
        self.shards.iter().map(ShardHost::statistics)
    }

    /// Every retained topic and its payload.
    pub(crate) fn retained(&self, now: u64) -> Vec<(String, bytes::Bytes)> {
        let mut found = Vec::new();
        for host in &self.shards {
            host.shard.retained_matching("#", now, &mut |retained| {
                let message = &retained.message;
                found.push((message.topic.to_string(), message.payload.clone()));
            });
        }
        found
    }

    /// Brings to the mailboxes what dispatchers and completers had for them.
    fn deliver_post(&mut self) {
        loop {
            let posted = self.post.take();
            if posted.is_empty() {
                return;
            }
            for one in posted {
                self.deliver_one(one);
            }
        }
    }

    fn deliver_one(&mut self, posted: Posted) {
        match posted {
            Posted::ToWorker(worker, message) => {
                self.workers[usize::from(worker)]
                    .mail
                    .push_back(Mail::Told(*message));
            }
            Posted::ToAll(make) => {
                for worker in &mut self.workers {
                    worker.mail.push_back(Mail::Told(make()));
                }
            }
            Posted::Will { shard, will } => {
                let done = self.post.will_published(shard, will.clone());
                let origin = Origin::Will {
                    shard,
                    session: will.session,
                    epoch: will.epoch,
                };
                let injected = quorate_node::worker::Injected {
                    message: will.message,
                    publisher: Some(will.client_id),
                    group: will.group,
                    origin: Some(origin),
                    done,
                };
                let worker = usize::from(shard) % self.workers.len();
                let message = ToWorker::Publish(injected);
                self.workers[worker].mail.push_back(Mail::Told(message));
            }
            Posted::WillPublished {
                shard,
                session,
                epoch,
            } => {
                let command = Command::WillDone(WillDone { session, epoch });
                let reply = ReplyTo::None;
                self.shards[usize::from(shard)].submit(vec![Request { command, reply }]);
            }
        }
    }
}
