//! One shard's proposer: takes everything queued whenever a slot is free, without lingering, brings it to
//! the shard's leader, here or on another node, and proposes again what was not taken. One task; answers come by
//! calls from the thread that applies, or from the peers' streams.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quorate_shard::{Admission, Batch, Command, Incarnation, NodeId, Refusal, ShardId};
use quorate_wal::Wal;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::completer;
use super::confirmations::Confirmations;
use super::flight::{Answered, Flight, Step};
use super::limits::{FORWARD_DEADLINE, RETRY, RETRY_MAX, TICK_INTERVAL_MIN};
use super::queue::Queue;
use super::request::{Completions, Request};
use super::statistics::{Counters, ProposerStatistics};
use crate::convert::{self, ForwardReply, ForwardRequest};
use crate::peers::{CallError, Kind, Lane, Peers};
use crate::raft::{Group, ProposeError, Reply, ShardMachine, ShardReply, Way};

/// What a proposer works with.
pub(crate) struct ProposerParts {
    pub(crate) shard: ShardId,
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) group: Group,
    pub(crate) machine: Arc<ShardMachine>,
    pub(crate) wal: Wal,
    pub(crate) completions: Arc<dyn Completions>,
    pub(crate) peers: Peers,
}

/// See the module.
pub(crate) struct Proposer {
    parts: ProposerParts,
    queue: Mutex<Queue>,
    flight: Mutex<Flight<Applied>>,
    confirmations: Confirmations,
    wake: Notify,
    ticking: AtomicBool,
    /// Counts changes of leader: what a batch was sent to before the last one is not waited for.
    turn: AtomicU64,
    /// Requests that were queued and that were answered, ever; see [`Self::caught_up`].
    queued: AtomicU64,
    answered: watch::Sender<u64>,
    counters: Counters,
}

/// What became of a batch.
enum Applied {
    /// Where it was proposed by this node.
    Here(ShardReply),
    /// By a leader on another node.
    There(ForwardReply),
}

impl Applied {
    fn admission(&self) -> Admission {
        match self {
            Self::Here(reply) => reply.admission,
            Self::There(reply) => reply.admission,
        }
    }
}

impl Proposer {
    /// A proposer; [`Self::run`] makes it work.
    pub(crate) fn new(parts: ProposerParts) -> Self {
        Self {
            parts,
            queue: Mutex::default(),
            flight: Mutex::default(),
            confirmations: Confirmations::default(),
            wake: Notify::new(),
            ticking: AtomicBool::new(false),
            turn: AtomicU64::new(0),
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
            let offered = requests.len();
            let mut queue = lock(&self.queue);
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
        let confirming = Arc::clone(&self);
        tokio::join!(self.work(), confirming.confirm());
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

    async fn work(self: Arc<Self>) {
        let mut last_tick = Instant::now();
        let mut leadership = self.parts.group.leadership();
        let mut leader = self.parts.group.leader();
        loop {
            self.propose_ready().await;
            tokio::select! {
                () = self.wake.notified() => {}
                Ok(()) = leadership.changed() => {}
                Ok(()) = leader.changed() => self.give_up_forwarded(),
                () = self.until_tick(last_tick) => {
                    last_tick = Instant::now();
                    self.tick().await;
                }
            }
        }
    }

    /// An earlier leader on another node may never answer: batches on their way to it go to the next one.
    fn give_up_forwarded(&self) {
        self.turn.fetch_add(1, Relaxed);
        lock(&self.flight).give_up();
    }

    async fn propose_ready(self: &Arc<Self>) {
        let mut pause = RETRY;
        loop {
            let step = lock(&self.flight).step();
            match step {
                Step::Wait => return,
                Step::Fill => match self.fill() {
                    Some((sequence, bytes)) => self.propose(sequence, bytes).await,
                    None => return,
                },
                Step::Again => {
                    self.parts.group.another_way(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                    self.propose_again().await;
                }
            }
        }
    }

    async fn propose_again(self: &Arc<Self>) {
        let batches = lock(&self.flight).again();
        Counters::add(&self.counters.again, batches.len());
        for (sequence, bytes) in batches {
            // Its stamp is of another time, or of another node.
            let bytes = convert::stamp_batch(&bytes, self.parts.machine.now());
            self.propose(sequence, bytes).await;
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

    /// A leader on another node puts its own stamp over ours.
    fn batch(&self, sequence: u64, commands: Vec<Command>) -> Batch {
        Batch {
            node: self.parts.node,
            incarnation: self.parts.incarnation,
            sequence,
            time: self.parts.machine.now(),
            commands,
        }
    }

    async fn propose(self: &Arc<Self>, sequence: u64, bytes: Bytes) {
        match self.parts.group.way() {
            Way::Here => {
                let proposer = Arc::clone(self);
                let answered = move |result| proposer.answered(sequence, result);
                self.parts.group.propose(bytes, answered).await;
            }
            Way::There(leader) => self.forward(leader, sequence, bytes),
            Way::Nowhere => self.failed(sequence),
        }
    }

    fn forward(self: &Arc<Self>, leader: NodeId, sequence: u64, bytes: Bytes) {
        let body = convert::encode_forward(self.parts.shard, ForwardRequest::Batch(bytes));
        let proposer = Arc::clone(self);
        let turn = self.turn.load(Relaxed);
        lock(&self.flight).goes_away(sequence);
        self.parts.peers.call_then(
            leader,
            Lane::Append,
            Kind::Forward,
            body,
            FORWARD_DEADLINE,
            Box::new(move |result| proposer.forwarded((leader, turn), sequence, result)),
        );
    }

    fn answered(&self, sequence: u64, result: Result<Reply, ProposeError>) {
        match result {
            Ok(Reply::Shard(reply)) => self.admitted(sequence, Applied::Here(reply)),
            // The entry is another kind's: the log is not ours. Nobody is told anything.
            Ok(Reply::None | Reply::Control(_)) => {
                tracing::error!(shard = self.parts.shard, "an answer of another group came");
                lock(&self.flight).clear();
            }
            Err(ProposeError::Refused | ProposeError::Unknown) => self.failed(sequence),
            Err(ProposeError::Stopped) => lock(&self.flight).clear(),
        }
        self.wake.notify_one();
    }

    fn forwarded(
        &self,
        (leader, turn): (NodeId, u64),
        sequence: u64,
        result: Result<Bytes, CallError>,
    ) {
        match result.map(convert::decode_forward_reply) {
            Ok(Ok(reply)) => self.admitted(sequence, Applied::There(reply)),
            Ok(Err(error)) => {
                tracing::error!(leader, %error, "a leader's answer is not understood");
                self.failed(sequence);
            }
            // Otherwise it has been given up and sent elsewhere.
            Err(_) if turn == self.turn.load(Relaxed) => self.failed(sequence),
            Err(_) => {}
        }
        self.wake.notify_one();
    }

    fn failed(&self, sequence: u64) {
        lock(&self.flight).failed(sequence);
    }

    fn admitted(&self, sequence: u64, applied: Applied) {
        match applied.admission() {
            Admission::Fresh | Admission::Duplicate => {
                Counters::add(&self.counters.batches, 1);
                // Told under the lock, so that answers leave in the order of their batches.
                let mut flight = lock(&self.flight);
                self.complete(flight.applied(sequence, applied));
            }
            Admission::Refused(Refusal::Gap { .. }) => self.failed(sequence),
            Admission::Refused(
                refusal @ (Refusal::OlderIncarnation { .. } | Refusal::Forgotten { .. }),
            ) => {
                // This life of the node is over, or its numbers are lost: nobody may be told a wrong outcome.
                tracing::error!(shard = self.parts.shard, %refusal, "a batch was refused for good");
                let mut flight = lock(&self.flight);
                self.complete(flight.refused(sequence));
            }
        }
    }

    /// These batches are done with; tells who waits.
    fn complete(&self, answered: Vec<Answered<Applied>>) {
        let completions = &self.parts.completions;
        for (replies, applied) in answered {
            let count = replies.len() as u64;
            match applied {
                Some(Applied::Here(reply)) => {
                    let barrier = self.parts.machine.barrier();
                    completer::complete(completions, barrier, replies, &reply);
                }
                Some(Applied::There(reply)) => {
                    completer::complete_held(completions, replies, &reply.outcomes, |later| {
                        if reply.confirmed {
                            later();
                        } else {
                            self.confirmations.add(reply.index, later);
                        }
                    });
                }
                None => {}
            }
            self.answered.send_modify(|sum| *sum += count);
        }
    }

    /// Asks leaders on other nodes whether interest is in force, for as long as somebody waits for it.
    async fn confirm(self: Arc<Self>) {
        loop {
            let (index, confirmed) = self.confirmations.take().await;
            while !self.is_confirmed(index).await {
                self.parts.group.another_way(RETRY_MAX).await;
            }
            for call in confirmed {
                call();
            }
        }
    }

    async fn is_confirmed(&self, index: u64) -> bool {
        match self.parts.group.way() {
            Way::Here => {
                let (told, confirmed) = oneshot::channel();
                let barrier = self.parts.machine.barrier();
                barrier.when_confirmed(barrier.issued(), move || {
                    let _ = told.send(());
                });
                let waiting = tokio::time::timeout(FORWARD_DEADLINE, confirmed);
                matches!(waiting.await, Ok(Ok(())))
            }
            Way::There(leader) => {
                let request = ForwardRequest::Barrier(index);
                let body = convert::encode_forward(self.parts.shard, request);
                let peers = &self.parts.peers;
                let call = peers.call(leader, Lane::Append, Kind::Forward, body, FORWARD_DEADLINE);
                tokio::select! {
                    answer = call => answer.is_ok(),
                    () = self.parts.group.another_way(FORWARD_DEADLINE) => false,
                }
            }
            Way::Nowhere => false,
        }
    }

    /// Completes when the shard's next deadline has passed and the last tick is long enough ago; never
    /// on a node that does not lead.
    async fn until_tick(&self, last_tick: Instant) {
        let leads = self.parts.group.way() == Way::Here;
        let deadline = self.parts.machine.deadline().filter(|_| leads);
        let (Some(deadline), false) = (deadline, self.ticking.load(Relaxed)) else {
            return std::future::pending().await;
        };
        let wait = Duration::from_millis(deadline.saturating_sub(self.parts.machine.now()));
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
