//! One shard on the node: the state machine, its dispatcher, and the proposer's real queue and flight, over the
//! journal. Entries are applied one at a time, when their commit has returned.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use quorate_node::convert::{decode_batch, encode_batch};
use quorate_node::delivery::{Barrier, Deliveries, Dispatcher};
use quorate_node::raft::ShardReply;
use quorate_node::shard_client::{Completions, Flight, Queue, Request, Step, complete};
use quorate_shard::{
    Admission, Applied, Batch, Incarnation, Origin, Refusal, Shard, ShardId, Statistics,
};
use tokio::sync::mpsc;

use super::journal::{Failed, Journal, Snapshot};
use super::post::Post;
use super::{NODE, Outside, Stop, replica};
use crate::history::Event;
use crate::invariants::Violation;
use crate::scenario::{Mistake, Scenario};

/// See the module.
pub(super) struct ShardHost {
    pub(super) shard: Shard,
    pub(super) dispatcher: Dispatcher,
    replica: Shard,
    barrier: Arc<Barrier>,
    queue: Queue,
    flight: Flight,
    incarnation: Incarnation,
    mistake: Mistake,
    lost_answer_once_in: usize,
    /// Appended and not applied, by index.
    proposed: VecDeque<Proposed>,
    next_index: u64,
    /// Highest index that is durable.
    committed: u64,
    ticking: bool,
    /// Requests that were submitted and that were answered, ever.
    pub(super) submitted: u64,
    pub(super) answered: u64,
}

struct Proposed {
    index: u64,
    /// The batch's number; 0 is a tick.
    sequence: u64,
    bytes: Bytes,
}

impl ShardHost {
    /// Restores the shard and replays what the log has behind its snapshot: with one voter all of it counts.
    pub(super) fn open(
        id: ShardId,
        (scenario, incarnation, journal, snapshot): (
            &Scenario,
            Incarnation,
            &Journal,
            Option<&Snapshot>,
        ),
        post: &Arc<Post>,
        forget: mpsc::Sender<Vec<Origin>>,
    ) -> Result<Self, Stop> {
        let mut shard = replica::open(id, scenario, snapshot)?;
        let mut replica = replica::open(id, scenario, snapshot)?;
        for entry in journal.read(id, shard.applied() + 1)? {
            let batch = decode(id, entry.payload)?;
            replica::follow(&mut replica, entry.index, batch.clone());
            replica::follow(&mut shard, entry.index, batch);
        }
        let barrier = Arc::new(Barrier::default());
        let hooks: Arc<dyn Deliveries> = Arc::clone(post) as _;
        let next_index = journal.next_index(id);
        Ok(Self {
            dispatcher: Dispatcher::new(hooks, Arc::clone(&barrier), forget),
            shard,
            replica,
            barrier,
            queue: Queue::default(),
            flight: Flight::default(),
            incarnation,
            mistake: scenario.mistake,
            lost_answer_once_in: scenario.lost_answer_once_in,
            proposed: VecDeque::new(),
            next_index,
            committed: next_index - 1,
            ticking: false,
            submitted: 0,
            answered: 0,
        })
    }

    pub(super) fn lead(&mut self) {
        self.dispatcher.lead(&self.shard, 1);
    }

    /// Set once every worker routes by the interest that the shard had at the start.
    pub(super) fn when_interest_is_loaded(&self) -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&flag);
        self.barrier.when_confirmed(self.barrier.issued(), move || {
            set.store(true, Ordering::Relaxed)
        });
        flag
    }

    pub(super) fn submit(&mut self, requests: Vec<Request>) {
        self.submitted += requests.len() as u64;
        for request in requests {
            let refused = self.queue.push(request, true);
            assert!(
                refused.is_none(),
                "the queue's bound is far above what a seed sends"
            );
        }
    }

    /// Takes a batch from the queue, or proposes again what was not taken. `refused`: it never reaches the log.
    pub(super) fn propose(
        &mut self,
        journal: &mut Journal,
        now: u64,
        refused: bool,
    ) -> Result<(), Failed> {
        match self.flight.step() {
            Step::Wait => Ok(()),
            Step::Again => {
                for (sequence, bytes) in self.flight.again() {
                    self.append(journal, sequence, bytes, refused)?;
                }
                Ok(())
            }
            Step::Fill => {
                let (commands, replies) = self.queue.take();
                if commands.is_empty() {
                    return self.tick(journal, now);
                }
                let sequence = self.flight.number();
                let bytes = encode_batch(self.batch(sequence, now, commands));
                self.flight.add(sequence, bytes.clone(), replies);
                self.append(journal, sequence, bytes, refused)
            }
        }
    }

    /// An empty batch when something is due.
    fn tick(&mut self, journal: &mut Journal, now: u64) -> Result<(), Failed> {
        let due = self
            .shard
            .next_deadline()
            .is_some_and(|deadline| deadline <= now);
        if !due || self.ticking {
            return Ok(());
        }
        self.ticking = true;
        let bytes = encode_batch(self.batch(0, now, Vec::new()));
        self.append(journal, 0, bytes, false)
    }

    fn batch(&self, sequence: u64, now: u64, commands: Vec<quorate_shard::Command>) -> Batch {
        Batch {
            node: NODE,
            incarnation: self.incarnation,
            sequence,
            time: now,
            commands,
        }
    }

    fn append(
        &mut self,
        journal: &mut Journal,
        sequence: u64,
        bytes: Bytes,
        refused: bool,
    ) -> Result<(), Failed> {
        if refused {
            self.flight.failed(sequence);
            return Ok(());
        }
        let index = self.next_index;
        journal.append(self.shard.id(), index, bytes.clone())?;
        self.next_index += 1;
        self.proposed.push_back(Proposed {
            index,
            sequence,
            bytes,
        });
        Ok(())
    }

    /// All that was appended is durable.
    pub(super) fn committed(&mut self) {
        self.committed = self.next_index - 1;
    }

    /// Applies the next entry if it is committed, runs its effects and answers.
    pub(super) fn apply_next(
        &mut self,
        post: &Arc<Post>,
        outside: &mut Outside<'_>,
    ) -> Result<bool, Stop> {
        let hasty = self.mistake == Mistake::AnswerBeforeSync;
        let committed = self.committed;
        let ready = |next: &mut Proposed| hasty || next.index <= committed;
        let Some(Proposed {
            index,
            sequence,
            bytes,
        }) = self.proposed.pop_front_if(ready)
        else {
            return Ok(false);
        };
        let batch = decode(self.shard.id(), bytes)?;
        replica::follow(&mut self.replica, index, batch.clone());
        let commands = batch.commands.clone();
        let applied = self.shard.apply(index, batch);
        self.dispatcher.run(&self.shard, applied.effects.clone());
        if sequence == 0 {
            self.ticking = false;
            return Ok(true);
        }
        if applied.admission == Admission::Fresh {
            outside
                .epochs
                .observe(self.shard.id(), &commands, &applied.outcomes)?;
        }
        self.answer(sequence, applied, post, outside)?;
        Ok(true)
    }

    fn answer(
        &mut self,
        sequence: u64,
        applied: Applied,
        post: &Arc<Post>,
        outside: &mut Outside<'_>,
    ) -> Result<(), Violation> {
        match applied.admission {
            Admission::Fresh | Admission::Duplicate => {}
            Admission::Refused(Refusal::Gap { .. }) => {
                self.flight.failed(sequence);
                return Ok(());
            }
            Admission::Refused(
                refusal @ (Refusal::OlderIncarnation { .. } | Refusal::Forgotten { .. }),
            ) => {
                let what = format!("shard {}: batch {sequence}: {refusal}", self.shard.id());
                return Err(Violation::new("batches", what));
            }
        }
        if !outside.healed && outside.random.one_in(self.lost_answer_once_in) {
            outside.history.note(Event::AnswerLost {
                shard: self.shard.id(),
                sequence,
            });
            self.flight.failed(sequence);
            return Ok(());
        }
        let reply = ShardReply {
            admission: applied.admission,
            outcomes: applied.outcomes,
            index: self.shard.applied(),
            interest: self.barrier.issued(),
        };
        let completions: Arc<dyn Completions> = Arc::clone(post) as _;
        for (replies, reply) in self.flight.applied(sequence, reply) {
            let reply = reply.expect("the simulation refuses no batch for good");
            self.answered += replies.len() as u64;
            complete(&completions, &self.barrier, replies, &reply);
        }
        Ok(())
    }

    /// Writes a snapshot, has the replica begin anew from it, and cuts the log behind it.
    pub(super) fn snapshot(
        &mut self,
        journal: &mut Journal,
        outside: &mut Outside<'_>,
    ) -> Result<(), Stop> {
        self.check_replica()?;
        let (shard, applied) = (self.shard.id(), self.shard.applied());
        // What is not committed must not be in a snapshot; with the mistake on it could be.
        if applied == 0 || applied > self.committed {
            return Ok(());
        }
        let snapshot = replica::snapshot(&self.shard);
        let records = snapshot.records.iter().cloned();
        let records = records
            .map(quorate_node::convert::decode_shard_record)
            .collect::<Result<Vec<_>, _>>();
        let records = records.map_err(|error| Violation::new("replicas", error.to_string()))?;
        let restored = Shard::restore(shard, quorate_shard::Limits::default(), records);
        let restored = restored.map_err(|error| Violation::new("replicas", error.to_string()))?;
        self.replica = restored.with_faults(self.mistake.of_shard());
        self.check_replica()?;
        outside.storage.snapshots.insert(shard, snapshot);
        journal.purge(shard, applied)?;
        outside.history.note(Event::Snapshot { shard, applied });
        Ok(())
    }

    pub(super) fn check_replica(&self) -> Result<(), Violation> {
        if self.shard == self.replica {
            return Ok(());
        }
        let what = format!(
            "shard {} at entry {}",
            self.shard.id(),
            self.shard.applied()
        );
        Err(Violation::new("replicas", what))
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.shard.statistics()
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.queue.is_empty() && self.flight.is_empty() && self.proposed.is_empty()
    }

    pub(super) fn unrest(&self) -> String {
        let Statistics {
            queued_messages,
            pending_wills,
            origin_marks,
            ..
        } = self.statistics();
        format!(
            "queue {} B, flight empty {}, {} proposed, {queued_messages} queued, {pending_wills} wills, {origin_marks} marks",
            self.queue.bytes(),
            self.flight.is_empty(),
            self.proposed.len(),
        )
    }
}

fn decode(shard: ShardId, bytes: Bytes) -> Result<Batch, Violation> {
    decode_batch(bytes).map_err(|error| Violation::new("log", format!("shard {shard}: {error}")))
}
