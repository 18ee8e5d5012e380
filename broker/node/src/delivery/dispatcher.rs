//! Runs the effects of one shard on the node that leads it. Lives beside the shard under the same lock;
//! what it keeps is rebuilt from the shard and from attaches, so losing it loses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_shard::{Effect, Epoch, Origin, PendingWill, Sequence, SessionId, Shard, ShardId};
use tokio::sync::mpsc;

use super::barrier::Barrier;
use super::hooks::{Deliveries, InterestDelta, SessionDeliveries};

/// See the module.
pub struct Dispatcher {
    hooks: Arc<dyn Deliveries>,
    barrier: Arc<Barrier>,
    forget: mpsc::Sender<Vec<Origin>>,
    leading: bool,
    attached: BTreeMap<SessionId, Attached>,
}

/// A connection that takes the deliveries of its session.
struct Attached {
    epoch: Epoch,
    worker: u16,
    /// Last entry that was handed over.
    sent: Sequence,
}

impl Dispatcher {
    /// `forget` takes origins that all shards are to forget.
    pub fn new(
        hooks: Arc<dyn Deliveries>,
        barrier: Arc<Barrier>,
        forget: mpsc::Sender<Vec<Origin>>,
    ) -> Self {
        Self {
            hooks,
            barrier,
            forget,
            leading: false,
            attached: BTreeMap::new(),
        }
    }

    /// This node leads in `term`: everything that earlier leaders may have left undone is done again.
    pub fn lead(&mut self, shard: &Shard, term: u64) {
        self.leading = true;
        let filters = shard.interest().collect();
        let confirmed = self.confirmation();
        self.hooks
            .interest_set(shard.id(), term, filters, confirmed);
        for will in shard.pending_wills() {
            self.hooks.publish_will(shard.id(), will.clone());
        }
        self.hand_to_forget(shard.forgettable().collect());
        for attached in self.attached.values_mut() {
            attached.sent = 0;
        }
        let sessions: Vec<SessionId> = self.attached.keys().copied().collect();
        self.deliver(shard, &sessions);
    }

    /// This node leads no longer: effects are another's.
    pub fn follow(&mut self, shard: ShardId) {
        self.leading = false;
        self.hooks.follow(shard);
    }

    /// A session's connection wants its deliveries: everything unacknowledged that was started, again.
    pub fn attach(&mut self, shard: &Shard, session: SessionId, epoch: Epoch, worker: u16) {
        // A connection that was taken over meanwhile has no say any more (P3).
        if shard
            .owner(session)
            .is_none_or(|owner| owner.epoch != epoch)
        {
            return;
        }
        let attached = Attached {
            epoch,
            worker,
            sent: 0,
        };
        self.attached.insert(session, attached);
        if self.leading {
            self.deliver(shard, &[session]);
        }
    }

    /// It wants no more.
    pub fn detach(&mut self, session: SessionId, epoch: Epoch) {
        if self
            .attached
            .get(&session)
            .is_some_and(|a| a.epoch == epoch)
        {
            self.attached.remove(&session);
        }
    }

    /// Runs the effects of one apply, in order within each kind.
    pub fn run(&mut self, shard: &Shard, effects: Vec<Effect>) {
        if !self.leading {
            return;
        }
        let mut interest: Vec<InterestDelta> = Vec::new();
        let mut sessions = Vec::new();
        for effect in effects {
            match effect {
                Effect::Deliver { session, .. } => sessions.push(session),
                Effect::InterestAdded(filter) => interest.push((true, filter)),
                Effect::InterestRemoved(filter) => interest.push((false, filter)),
                Effect::PublishWill {
                    session,
                    client_id,
                    epoch,
                    message,
                } => {
                    let will = PendingWill {
                        session,
                        epoch,
                        client_id,
                        message,
                    };
                    self.hooks.publish_will(shard.id(), will);
                }
                Effect::ForgetOrigins(origins) => self.hand_to_forget(origins),
                Effect::Close { session, owner } => {
                    self.hooks.close(shard.id(), session, owner);
                }
            }
        }
        if !interest.is_empty() {
            let confirmed = self.confirmation();
            self.hooks.interest(shard.id(), interest, confirmed);
        }
        sessions.sort_unstable();
        sessions.dedup();
        self.deliver(shard, &sessions);
    }

    /// Hands over what may be sent and has not been, one call per worker.
    fn deliver(&mut self, shard: &Shard, sessions: &[SessionId]) {
        let mut workers: BTreeMap<u16, Vec<SessionDeliveries>> = BTreeMap::new();
        for session in sessions {
            let Some(attached) = self.attached.get_mut(session) else {
                continue;
            };
            if shard
                .owner(*session)
                .is_none_or(|owner| owner.epoch != attached.epoch)
            {
                self.attached.remove(session);
                continue;
            }
            let started = shard.started(*session);
            let deliveries: Vec<_> = shard.deliveries(*session, attached.sent, started).collect();
            attached.sent = attached.sent.max(started);
            if deliveries.is_empty() {
                continue;
            }
            workers
                .entry(attached.worker)
                .or_default()
                .push(SessionDeliveries {
                    shard: shard.id(),
                    session: *session,
                    epoch: attached.epoch,
                    now: shard.time(),
                    deliveries,
                });
        }
        for (worker, sessions) in workers {
            self.hooks.deliver(worker, sessions);
        }
    }

    fn confirmation(&self) -> Box<dyn FnOnce() + Send> {
        let barrier = Arc::clone(&self.barrier);
        let number = barrier.issue();
        Box::new(move || barrier.confirm(number))
    }

    /// What does not fit stays in the shard's state and is handed over again by the next leader or start.
    fn hand_to_forget(&self, origins: Vec<Origin>) {
        if !origins.is_empty() && self.forget.try_send(origins).is_err() {
            tracing::debug!("origins to forget wait for the next start of this shard's leader");
        }
    }
}
