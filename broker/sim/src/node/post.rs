//! Where dispatchers, completers and confirmations leave what is to be brought to somebody else. They are called
//! under locks in the broker, so here too they only leave it.

use std::sync::{Arc, Mutex, PoisonError};

use quorate_node::delivery::{Deliveries, InterestDelta, SessionDeliveries};
use quorate_node::shard_client::Completions;
use quorate_node::worker::{Confirm, Done, OnDrop, ToWorker};
use quorate_router::{Interest, Scope, Target};
use quorate_shard::{Epoch, Outcome, Owner, PendingWill, SessionId, ShardId};

/// One thing to bring.
pub(super) enum Posted {
    ToWorker(u16, Box<ToWorker>),
    /// Made anew for each worker.
    ToAll(Box<dyn Fn() -> ToWorker + Send>),
    Will {
        shard: ShardId,
        will: PendingWill,
    },
    WillPublished {
        shard: ShardId,
        session: SessionId,
        epoch: Epoch,
    },
}

/// See the module.
#[derive(Default)]
pub(super) struct Post(Mutex<Vec<Posted>>);

impl Post {
    /// Everything that was left, in order.
    pub(super) fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn leave(&self, posted: Posted) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(posted);
    }

    /// What to do when a will was published, or could not be.
    pub(super) fn will_published(self: &Arc<Self>, shard: ShardId, will: PendingWill) -> Done {
        let post = Arc::clone(self);
        Done::new(move |accepted| {
            let (session, epoch) = (will.session, will.epoch);
            post.leave(if accepted {
                Posted::WillPublished {
                    shard,
                    session,
                    epoch,
                }
            } else {
                Posted::Will { shard, will }
            });
        })
    }

    fn tell_interest(
        &self,
        shard: ShardId,
        changes: Vec<(Arc<str>, Interest)>,
        replace: bool,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        let confirm: Confirm = OnDrop::new(confirmed);
        self.leave(Posted::ToAll(Box::new(move || ToWorker::Interest {
            target: Target::Shard(shard),
            changes: changes.clone(),
            replace,
            confirm: confirm.clone(),
        })));
    }
}

impl Completions for Post {
    fn complete(&self, worker: u16, outcomes: Vec<(u64, Outcome)>) {
        let message = ToWorker::Outcomes(outcomes);
        self.leave(Posted::ToWorker(worker, Box::new(message)));
    }
}

impl Deliveries for Post {
    fn deliver(&self, worker: u16, sessions: Vec<SessionDeliveries>) {
        let message = ToWorker::Deliveries(sessions);
        self.leave(Posted::ToWorker(worker, Box::new(message)));
    }

    fn interest(
        &self,
        shard: ShardId,
        deltas: Vec<InterestDelta>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        self.tell_interest(shard, deltas, false, confirmed);
    }

    fn interest_set(
        &self,
        shard: ShardId,
        _term: u64,
        filters: Vec<(Arc<str>, Scope)>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        let changes = filters
            .into_iter()
            .map(|(filter, scope)| (filter, Some(scope)));
        self.tell_interest(shard, changes.collect(), true, confirmed);
    }

    fn publish_will(&self, shard: ShardId, will: PendingWill) {
        self.leave(Posted::Will { shard, will });
    }

    fn close(&self, shard: ShardId, session: SessionId, owner: Owner) {
        let epoch = owner.epoch;
        self.leave(Posted::ToAll(Box::new(move || ToWorker::SessionEnded {
            shard,
            session,
            epoch,
        })));
    }

    fn follow(&self, _shard: ShardId) {}

    /// There is one node: nobody else claims.
    fn close_client(&self, _client_id: Arc<str>, _epoch: Epoch, closed: Box<dyn FnOnce() + Send>) {
        closed();
    }
}
