//! The state machine: its parts, and what the node reads from them.

use std::sync::Arc;

use crate::applied::Applied;
use crate::command::Batch;
use crate::delivery::Delivery;
use crate::limits::{Faults, Limits};
use crate::snapshot::{PendingWill, Record, RestoreError, Retained};
use crate::statistics::Statistics;
use crate::types::*;

/// One shard's replicated state.
///
/// Input is [`Shard::apply`], called with committed batches in log order; everything else reads.
#[derive(Debug)]
pub struct Shard {
    id: ShardId,
    limits: Limits,
    faults: Faults,
    applied: u64,
    time: Millis,
}

impl Shard {
    /// An empty shard.
    pub fn new(id: ShardId, limits: Limits) -> Self {
        Self {
            id,
            limits,
            faults: Faults::default(),
            applied: 0,
            time: 0,
        }
    }

    /// The state that the records of another replica's snapshot describe.
    pub fn restore(
        id: ShardId,
        limits: Limits,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        let _ = records.into_iter().count();
        Ok(Self::new(id, limits))
    }

    /// The same shard with mistakes switched on; for tests of the tests.
    #[must_use]
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Applies one committed batch. `index` is the entry's place in the log and must be above that of
    /// every batch before. Total: whatever the batch contains, it yields outcomes and never panics.
    pub fn apply(&mut self, index: u64, batch: Batch) -> Applied {
        let _ = (index, batch);
        unreachable!("skeleton")
    }

    /// Which shard this is.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// Index of the last applied batch; 0 before the first.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Shard time: the highest stamp applied.
    pub fn time(&self) -> Millis {
        self.time
    }

    /// When the leader has to propose an empty batch if nothing else comes: something expires or is due.
    pub fn next_deadline(&self) -> Option<Millis> {
        None
    }

    /// The owner of a session, if it has one.
    pub fn owner(&self, session: SessionId) -> Option<Owner> {
        let _ = session;
        None
    }

    /// Last sequence of the session that may be sent; 0 if there is none.
    pub fn started(&self, session: SessionId) -> Sequence {
        let _ = session;
        0
    }

    /// What the session's owner is to be sent: entries after `after` up to `up_to`, at most up to the
    /// started mark, in order. With `after` 0: everything unacknowledged, for an attach; DUP is set on what
    /// an earlier connection may have been sent. After a client came back with a smaller receive maximum
    /// this may be more than its window; the session holds the rest.
    pub fn deliveries(
        &self,
        session: SessionId,
        after: Sequence,
        up_to: Sequence,
    ) -> impl Iterator<Item = Delivery> + '_ {
        let _ = (session, after, up_to);
        std::iter::empty()
    }

    /// Calls `visit` with every retained message that `filter` matches and that has not expired at `now`.
    pub fn retained_matching(&self, filter: &str, now: Millis, visit: &mut dyn FnMut(&Retained)) {
        let _ = (filter, now, visit);
    }

    /// Every filter with a durable subscription at QoS 1 or 2: a new leader's first full set.
    pub fn interest(&self) -> impl Iterator<Item = &Arc<str>> + '_ {
        std::iter::empty()
    }

    /// Wills that are due and not reported as published: what a new leader has to publish.
    pub fn pending_wills(&self) -> impl Iterator<Item = &PendingWill> + '_ {
        std::iter::empty()
    }

    /// Origins that all shards still have to be told to forget: what a new leader has to tell. Tell this
    /// shard last; its `Forget` is what takes the origin off this list.
    pub fn forgettable(&self) -> impl Iterator<Item = Origin> + '_ {
        std::iter::empty()
    }

    /// Sums for metrics.
    pub fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// The state as records in canonical order; two replicas that applied the same batches yield the same.
    pub fn snapshot_records(&self) -> impl Iterator<Item = Record> + '_ {
        let _ = self.limits;
        std::iter::empty()
    }
}
