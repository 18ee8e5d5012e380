//! From the groups to the workers' mailboxes: outcomes, deliveries, interest, wills. Never blocks.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use quorate_router::{Scope, Target};
use quorate_shard::{Epoch, Origin, Outcome, Owner, PendingWill, SessionId, ShardId};

use crate::delivery::{Deliveries, InterestDelta, SessionDeliveries};
use crate::interest::Interests;
use crate::raft::Groups;
use crate::registry::Registry;
use crate::shard_client::Completions;
use crate::worker::{Confirm, Done, Injected, Mailbox, OnDrop, ToWorker};

/// See the module.
pub(super) struct Dispatch {
    mailboxes: Arc<[Arc<Mailbox>]>,
    registry: Arc<Registry>,
    interests: Interests,
    /// Set once the groups run; they need this before that.
    groups: Arc<OnceLock<Groups>>,
    /// Wills that were due while the groups started. A worker that published one then would not know yet what the
    /// shards want that start after this one, and nobody could be told that it is done.
    early_wills: Mutex<Option<Vec<(ShardId, PendingWill)>>>,
}

impl Dispatch {
    pub(super) fn new(
        mailboxes: Arc<[Arc<Mailbox>]>,
        registry: Arc<Registry>,
        interests: Interests,
    ) -> Self {
        Self {
            mailboxes,
            registry,
            interests,
            groups: Arc::default(),
            early_wills: Mutex::new(Some(Vec::new())),
        }
    }

    /// Makes the groups known, which report that a will is published. Every shard has told its interest by now, and
    /// mailboxes keep order: wills go out from here on.
    pub(super) fn serve(&self, groups: Groups) {
        // Set once at start; a second call would change nothing.
        let _ = self.groups.set(groups);
        let early = self.early_wills().take();
        for (shard, will) in early.into_iter().flatten() {
            self.publish(shard, will);
        }
    }

    fn early_wills(&self) -> MutexGuard<'_, Option<Vec<(ShardId, PendingWill)>>> {
        self.early_wills
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_workers(
        &self,
        shard: ShardId,
        deltas: impl Iterator<Item = InterestDelta>,
        replace: bool,
        confirm: &Confirm,
    ) {
        let changes: Vec<_> = deltas.collect();
        for mailbox in self.mailboxes.iter() {
            mailbox.send(ToWorker::Interest {
                target: Target::Shard(shard),
                changes: changes.clone(),
                replace,
                confirm: confirm.clone(),
            });
        }
    }

    /// Has a worker publish a will.
    fn publish(&self, shard: ShardId, will: PendingWill) {
        let PendingWill {
            session,
            epoch,
            client_id,
            message,
            group,
        } = will;
        let groups = self.groups.clone();
        let done = Done::new(move |accepted| {
            if !accepted {
                tracing::warn!(
                    shard,
                    session,
                    "a will was refused by a full queue and is dropped"
                );
            }
            if let Some(groups) = groups.get() {
                groups.will_done(shard, session, epoch);
            }
        });
        let origin = Some(Origin::Will {
            shard,
            session,
            epoch,
        });
        let worker = usize::from(shard) % self.mailboxes.len();
        let publish = Injected {
            message,
            publisher: Some(client_id),
            group,
            origin,
            done,
        };
        self.mailboxes[worker].send(ToWorker::Publish(publish));
    }
}

impl Completions for Dispatch {
    fn complete(&self, worker: u16, outcomes: Vec<(u64, Outcome)>) {
        self.mailboxes[usize::from(worker)].send(ToWorker::Outcomes(outcomes));
    }
}

impl Deliveries for Dispatch {
    fn deliver(&self, worker: u16, sessions: Vec<SessionDeliveries>) {
        self.mailboxes[usize::from(worker)].send(ToWorker::Deliveries(sessions));
    }

    fn interest(
        &self,
        shard: ShardId,
        deltas: Vec<InterestDelta>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        let confirm = OnDrop::new(confirmed);
        self.interests
            .shard_changed(shard, &deltas, confirm.clone());
        self.tell_workers(shard, deltas.into_iter(), false, &confirm);
    }

    fn interest_set(
        &self,
        shard: ShardId,
        term: u64,
        filters: Vec<(Arc<str>, Scope)>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        let confirm = OnDrop::new(confirmed);
        self.interests.lead(shard, term, &filters, confirm.clone());
        let deltas = filters
            .into_iter()
            .map(|(filter, scope)| (filter, Some(scope)));
        self.tell_workers(shard, deltas, true, &confirm);
    }

    fn follow(&self, shard: ShardId) {
        self.interests.follow(shard);
    }

    fn publish_will(&self, shard: ShardId, will: PendingWill) {
        if let Some(early) = self.early_wills().as_mut() {
            early.push((shard, will));
            return;
        }
        self.publish(shard, will);
    }

    fn close(&self, shard: ShardId, session: SessionId, owner: Owner) {
        for mailbox in self.mailboxes.iter() {
            mailbox.send(ToWorker::SessionEnded {
                shard,
                session,
                epoch: owner.epoch,
            });
        }
    }

    fn close_client(&self, client_id: Arc<str>, epoch: Epoch, closed: Box<dyn FnOnce() + Send>) {
        let closed = OnDrop::new(closed);
        let Some((worker, connection)) = self.registry.fence(&client_id, epoch) else {
            return;
        };
        self.mailboxes[usize::from(worker)].send(ToWorker::TakeOver { connection, closed });
    }
}
