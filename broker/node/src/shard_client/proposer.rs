//! One shard's proposer: takes everything queued whenever a slot is free, without lingering, and proposes
//! again what was not taken. One task; answers come by calls from the thread that applies.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quorate_shard::{Admission, Batch, Incarnation, Millis, NodeId, ShardId};
use quorate_wal::Wal;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::clock::Clock;
use super::completer;
use super::flight::{Answered, Flight, Step};
use super::limits::{RETRY, TICK_INTERVAL_MIN};
use super::queue::Queue;
use super::request::{Completions, Request};
use super::statistics::{Counters, ProposerStatistics};
use crate::convert;
use crate::raft::{Group, ProposeError, Reply, ShardMachine, ShardReply};

/// What a proposer works with.
pub(crate) struct ProposerParts {
    pub(crate) shard: ShardId,
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) group: Group,
    pub(crate) machine: Arc<ShardMachine>,
    pub(crate) wal: Wal,
    pub(crate) completions: Arc<dyn Completions>,
}

/// See the module.
pub(crate) struct Proposer {
    parts: ProposerParts,
    clock: Clock,
    queue: Mutex<Queue>,
    flight: Mutex<Flight>,
    wake: Notify,
    ticking: AtomicBool,
    /// Requests that were queued and that were answered, ever; see [`Self::caught_up`].
    queued: AtomicU64,
    answered: watch::Sender<u64>,
    counters: Counters,
}

impl Proposer {
    /// A proposer that goes on from the shard's time; [`Self::run`] makes it work.
    pub(crate) fn new(parts: ProposerParts) -> Self {
        let clock = Clock::start(parts.machine.state().shard.time());
        Self {
            parts,
            clock,
            queue: Mutex::default(),
            flight: Mutex::default(),
            wake: Notify::new(),
            ticking: AtomicBool::new(false),
            queued: AtomicU64::new(0),
            answered: watch::Sender::new(0),
            counters: Counters::default(),
        }
    }

    /// Queues commands in their order. Those that grow state are refused at once when there is no room.
    pub(crate) fn submit(&self, requests: Vec<Request>) {
        let room = self.parts.wal.has_room();
        let mut refused = Vec::new();
        {
            let mut queue = lock(&self.queue);
            let offered = requests.len();
            for request in requests {
                refused.extend(queue.push(request, room));
            }
            let queued = offered - refused.len();
            self.queued.fetch_add(queued as u64, Relaxed);
        }
        self.wake.notify_one();
        if !refused.is_empty() {
            Counters::add(&self.counters.refused, refused.len());
            completer::refuse(self.parts.completions.as_ref(), refused);
        }
    }

    /// Works until aborted.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut last_tick = Instant::now();
        loop {
            self.propose_ready().await;
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.until_tick(last_tick) => {
                    last_tick = Instant::now();
                    self.tick().await;
                }
            }
        }
    }

    /// Shard time now, as the next batch would be stamped.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Waits until all that was submitted before the call is applied: a read that follows sees it.
    pub(crate) async fn caught_up(&self) {
        let queued = self.queued.load(Relaxed);
        let mut answered = self.answered.subscribe();
        // The sender lives as long as this proposer.
        let _ = answered.wait_for(|answered| *answered >= queued).await;
    }

    /// Whether nothing waits and nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        lock(&self.queue).is_empty() && lock(&self.flight).is_empty()
    }

    /// Numbers for operators.
    pub(crate) fn statistics(&self) -> ProposerStatistics {
        let queued = lock(&self.queue).bytes();
        self.counters.read(queued)
    }

    async fn propose_ready(self: &Arc<Self>) {
        loop {
            let step = lock(&self.flight).step();
            match step {
                Step::Wait => return,
                Step::Fill => match self.fill() {
                    Some((sequence, bytes)) => self.propose(sequence, bytes).await,
                    None => return,
                },
                Step::Again => {
                    tokio::time::sleep(RETRY).await;
                    let batches = lock(&self.flight).again();
                    Counters::add(&self.counters.again, batches.len());
                    for (sequence, bytes) in batches {
                        self.propose(sequence, bytes).await;
                    }
                }
            }
        }
    }

    /// Makes a batch of what is queued.
    fn fill(&self) -> Option<(u64, Bytes)> {
        let (commands, replies) = lock(&self.queue).take();
        if commands.is_empty() {
            return None;
        }
        Counters::add(&self.counters.commands, commands.len());
        let sequence = lock(&self.flight).number();
        let bytes = convert::encode_batch(self.batch(sequence, commands));
        Counters::add(&self.counters.bytes, bytes.len());
        lock(&self.flight).add(sequence, bytes.clone(), replies);
        Some((sequence, bytes))
    }

    fn batch(&self, sequence: u64, commands: Vec<quorate_shard::Command>) -> Batch {
        Batch {
            node: self.parts.node,
            incarnation: self.parts.incarnation,
            sequence,
            time: self.clock.now(),
            commands,
        }
    }

    async fn propose(self: &Arc<Self>, sequence: u64, bytes: Bytes) {
        let proposer = Arc::clone(self);
        let answered = move |result| proposer.answered(sequence, result);
        self.parts.group.propose(bytes, answered).await;
    }

    fn answered(&self, sequence: u64, result: Result<Reply, ProposeError>) {
        match result {
            Ok(Reply::Shard(reply)) => self.admitted(sequence, reply),
            // The entry is another kind's: the log is not ours. Nobody is told anything.
            Ok(Reply::None | Reply::Control(_)) => {
                tracing::error!(shard = self.parts.shard, "an answer of another group came");
                lock(&self.flight).clear();
            }
            Err(ProposeError::Refused | ProposeError::Unknown) => {
                lock(&self.flight).failed(sequence);
            }
            Err(ProposeError::Stopped) => lock(&self.flight).clear(),
        }
        self.wake.notify_one();
    }

    fn admitted(&self, sequence: u64, reply: ShardReply) {
        match reply.admission {
            Admission::Fresh | Admission::Duplicate => {
                Counters::add(&self.counters.batches, 1);
                // Told under the lock, so that answers leave in the order of their batches.
                let mut flight = lock(&self.flight);
                self.complete(flight.applied(sequence, reply));
            }
            Admission::Refused(quorate_shard::Refusal::Gap { .. }) => {
                lock(&self.flight).failed(sequence);
            }
            Admission::Refused(
                refusal @ (quorate_shard::Refusal::OlderIncarnation { .. }
                | quorate_shard::Refusal::Forgotten { .. }),
            ) => {
                // This life of the node is over, or its numbers are lost: nobody may be told a wrong outcome.
                tracing::error!(shard = self.parts.shard, %refusal, "a batch was refused for good");
                let mut flight = lock(&self.flight);
                self.complete(flight.refused(sequence));
            }
        }
    }

    /// These batches are done with; tells who waits.
    fn complete(&self, answered: Vec<Answered>) {
        let barrier = self.parts.machine.barrier();
        for (replies, reply) in answered {
            let count = replies.len() as u64;
            if let Some(reply) = reply {
                completer::complete(&self.parts.completions, barrier, replies, &reply);
            }
            self.answered.send_modify(|sum| *sum += count);
        }
    }

    /// Completes when the shard's next deadline has passed and the last tick is long enough ago.
    async fn until_tick(&self, last_tick: Instant) {
        let deadline = self.parts.machine.deadline();
        let (Some(deadline), false) = (deadline, self.ticking.load(Relaxed)) else {
            return std::future::pending().await;
        };
        let wait = Duration::from_millis(deadline.saturating_sub(self.clock.now()));
        let at = Instant::now() + wait;
        tokio::time::sleep_until(at.max(last_tick + TICK_INTERVAL_MIN)).await;
    }

    /// An empty batch, so that what is due happens; not numbered, since nothing depends on its outcome.
    async fn tick(self: &Arc<Self>) {
        self.ticking.store(true, Relaxed);
        Counters::add(&self.counters.ticks, 1);
        let bytes = convert::encode_batch(self.batch(0, Vec::new()));
        let proposer = Arc::clone(self);
        let answered = move |_result| {
            proposer.ticking.store(false, Relaxed);
            proposer.wake.notify_one();
        };
        self.parts.group.propose(bytes, answered).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
