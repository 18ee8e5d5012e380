//! The state machine: its parts, and what the node reads from them.

use std::sync::Arc;

use quorate_router::Scope;

use crate::applied::Applied;
use crate::apply;
use crate::command::Batch;
use crate::delivery::Delivery;
use crate::limits::{Faults, Limits};
use crate::message_store::MessageStore;
use crate::origin::Origins;
use crate::proposers::Proposers;
use crate::record::{PendingWill, Record, RestoreError, Retained};
use crate::restore;
use crate::retained::RetainedStore;
use crate::session_table::SessionTable;
use crate::share_groups::ShareGroups;
use crate::snapshot;
use crate::statistics::Statistics;
use crate::subscription_index::SubscriptionIndex;
use crate::timer::Timers;
use crate::types::*;
use crate::will_table::WillTable;

/// One shard's replicated state.
///
/// Input is [`Shard::apply`], called with committed batches in log order; everything else reads. Two shards are
/// equal if their snapshots are.
#[derive(Debug)]
pub struct Shard {
    pub(crate) id: ShardId,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) applied: u64,
    pub(crate) time: Millis,
    pub(crate) proposers: Proposers,
    pub(crate) sessions: SessionTable,
    pub(crate) index: SubscriptionIndex,
    pub(crate) shares: ShareGroups,
    pub(crate) store: MessageStore,
    pub(crate) wills: WillTable,
    pub(crate) origins: Origins,
    pub(crate) retained: RetainedStore,
    pub(crate) timers: Timers,
    /// Messages that full queues lost; for metrics, so it is no part of the state.
    pub(crate) dropped_messages: u64,
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
            proposers: Proposers::default(),
            sessions: SessionTable::default(),
            index: SubscriptionIndex::new(limits.hash_seed),
            shares: ShareGroups::default(),
            store: MessageStore::default(),
            wills: WillTable::default(),
            origins: Origins::default(),
            retained: RetainedStore::default(),
            timers: Timers::default(),
            dropped_messages: 0,
        }
    }

    /// The state that the records of another replica's snapshot describe.
    pub fn restore(
        id: ShardId,
        limits: Limits,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        restore::restore(Self::new(id, limits), records)
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
        apply::apply(self, index, batch)
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
        self.timers.next_deadline()
    }

    /// The session of a client id, if there is one.
    pub fn session_of(&self, client_id: &str) -> Option<SessionId> {
        self.sessions.find(client_id)
    }

    /// The owner of a session, if it has one.
    pub fn owner(&self, session: SessionId) -> Option<Owner> {
        Some(self.sessions.session(session)?.claimant?.owner)
    }

    /// Last sequence of the session that may be sent; 0 if there is none.
    pub fn started(&self, session: SessionId) -> Sequence {
        self.sessions
            .durable(session)
            .map_or(0, |durable| durable.queue.started())
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
        let durable = self.sessions.durable(session);
        durable
            .into_iter()
            .flat_map(move |durable| durable.queue.deliveries(after, up_to))
    }

    /// Calls `visit` with every retained message that `filter` matches and that has not expired at `now`.
    pub fn retained_matching(&self, filter: &str, now: Millis, visit: &mut dyn FnMut(&Retained)) {
        self.retained.matching(filter, now, visit);
    }

    /// Every filter with a durable subscription at QoS 1 or 2: a new leader's first full set. Looks at every
    /// subscription. Share groups come with their members.
    pub fn interest(&self) -> impl Iterator<Item = (Arc<str>, Scope)> + '_ {
        let plain = self.index.filters().into_iter();
        plain
            .map(|filter| (filter, Scope::Every))
            .chain(self.shares.interest())
    }

    /// Wills that are due and not reported as published: what a new leader has to publish.
    pub fn pending_wills(&self) -> impl Iterator<Item = &PendingWill> + '_ {
        self.wills.iter()
    }

    /// Origins that all shards still have to be told to forget: what a new leader has to tell. Tell this
    /// shard last; its `Forget` is what takes the origin off this list.
    pub fn forgettable(&self) -> impl Iterator<Item = Origin> + '_ {
        self.origins.forgettable()
    }

    /// Sums for metrics.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            sessions: self.sessions.len() as u64,
            durable_sessions: self.sessions.durable_len(),
            subscriptions: self.sessions.subscriptions,
            session_bytes: self.sessions.bytes + self.wills.bytes(),
            queued_messages: self.store.references(),
            queued_bytes: self.store.bytes() + self.wills.lent_bytes(),
            retained_messages: self.retained.len() as u64,
            retained_bytes: self.retained.bytes(),
            pending_wills: self.wills.len() as u64,
            dropped_messages: self.dropped_messages,
            origin_marks: self.origins.len() as u64,
        }
    }

    /// The state as records in canonical order; two replicas that applied the same batches yield the same.
    pub fn snapshot_records(&self) -> impl Iterator<Item = Record> + '_ {
        snapshot::records(self)
    }

    /// Whether sessions, wills and subscriptions may grow by this much.
    pub(crate) fn has_session_room(&self, bytes: u64) -> bool {
        bytes == 0
            || self.sessions.bytes + self.wills.bytes() + bytes <= self.limits.session_bytes_max
    }

    /// Whether queues may grow by this much.
    pub(crate) fn has_message_room(&self, bytes: u64) -> bool {
        let queued = self.store.bytes() + self.wills.lent_bytes();
        queued.saturating_add(bytes) <= self.limits.message_bytes_max
    }
}

impl PartialEq for Shard {
    fn eq(&self, other: &Self) -> bool {
        self.snapshot_records().eq(other.snapshot_records())
    }
}
