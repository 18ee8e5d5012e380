//! A shard as a group's machine: the pure state and its dispatcher under one lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quorate_shard::{Limits, Millis, Shard, ShardId};

use super::machine::{Machine, MachineError, Reply, ShardReply};
use crate::convert;
use crate::delivery::{Barrier, Dispatcher};
use crate::shard_client::Clock;

/// No deadline.
const NEVER: Millis = Millis::MAX;

/// See the module.
pub(crate) struct ShardMachine {
    state: Mutex<State>,
    barrier: Arc<Barrier>,
    clock: Clock,
    /// Copy of the shard's next deadline, read by the proposer without the lock.
    deadline: AtomicU64,
    id: ShardId,
    limits: Limits,
}

/// What the lock holds together.
pub(crate) struct State {
    pub(crate) shard: Shard,
    pub(crate) dispatcher: Dispatcher,
}

impl ShardMachine {
    /// An empty shard.
    pub(crate) fn new(
        id: ShardId,
        limits: Limits,
        dispatcher: Dispatcher,
        barrier: Arc<Barrier>,
    ) -> Self {
        let state = State {
            shard: Shard::new(id, limits),
            dispatcher,
        };
        Self {
            state: Mutex::new(state),
            barrier,
            clock: Clock::start(0),
            deadline: AtomicU64::new(NEVER),
            id,
            limits,
        }
    }

    /// The state; hold it shortly, applies wait for it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the leader has to propose something so that time goes on.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let deadline = self.deadline.load(Relaxed);
        (deadline != NEVER).then_some(deadline)
    }

    /// Shard time now, as a batch would be stamped if this node leads.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Confirmations of interest.
    pub(crate) fn barrier(&self) -> &Arc<Barrier> {
        &self.barrier
    }

    fn note_deadline(&self, shard: &Shard) {
        let deadline = shard.next_deadline().unwrap_or(NEVER);
        self.deadline.store(deadline, Relaxed);
    }
}

impl Machine for ShardMachine {
    fn apply(&self, index: u64, command: Bytes) -> Result<Reply, MachineError> {
        let batch = convert::decode_batch(command)?;
        let mut state = self.state();
        let State { shard, dispatcher } = &mut *state;
        let applied = shard.apply(index, batch);
        dispatcher.run(shard, applied.effects);
        self.note_deadline(shard);
        Ok(Reply::Shard(ShardReply {
            admission: applied.admission,
            outcomes: applied.outcomes,
            index,
            interest: self.barrier.issued(),
        }))
    }

    fn view(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        // Records share their messages with the state, so this is quick; encoding them is not.
        let records: Vec<_> = self.state().shard.snapshot_records().collect();
        Box::new(records.into_iter().map(convert::encode_shard_record))
    }

    fn restore(&self, records: Vec<Bytes>) -> Result<(), MachineError> {
        let records = records.into_iter().map(convert::decode_shard_record);
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let shard = Shard::restore(self.id, self.limits, records)?;
        self.note_deadline(&shard);
        self.state().shard = shard;
        Ok(())
    }

    fn lead(&self, term: u64) {
        let mut state = self.state();
        let State { shard, dispatcher } = &mut *state;
        self.clock.lead(shard.time());
        dispatcher.lead(shard, term);
    }

    fn follow(&self) {
        self.state().dispatcher.follow(self.id);
    }
}
