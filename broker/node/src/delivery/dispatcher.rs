//! Runs the effects of one shard on the node that leads it. Lives beside the shard under the same lock;
//! what it keeps is rebuilt from the shard and from attaches, so losing it loses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_router::Scope;
use quorate_shard::{
    Effect, Epoch, NodeId, Origin, Owner, PendingWill, Sequence, SessionId, Shard, ShardId,
};
use tokio::sync::mpsc;

use super::barrier::Barrier;
use super::hooks::{Deliveries, InterestDelta, SessionDeliveries};
use super::remote::{Failures, Remote};
use crate::convert::Piece;

/// See the module.
pub struct Dispatcher {
    hooks: Arc<dyn Deliveries>,
    barrier: Arc<Barrier>,
    forget: mpsc::Sender<Vec<Origin>>,
    /// The way to connections of other nodes.
    remote: Option<Arc<Remote>>,
    leading: bool,
    attached: BTreeMap<SessionId, Attached>,
}

/// A connection that takes the deliveries of its session.
struct Attached {
    epoch: Epoch,
    place: Place,
    /// Last entry that was handed over.
    sent: Sequence,
}

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// At this worker of this node.
    Here(u16),
    /// On another node, which knows the worker.
    There(NodeId),
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
            remote: None,
            leading: false,
            attached: BTreeMap::new(),
        }
    }

    /// The same, with the way to other nodes.
    #[must_use]
    pub(crate) fn with_remote(mut self, remote: Arc<Remote>) -> Self {
        self.remote = Some(remote);
        self
    }

    /// This node leads in `term`: everything that earlier leaders may have left undone is done again.
    /// Nodes attach the sessions of their connections anew.
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
    }

    /// This node leads no longer: effects are another's.
    pub fn follow(&mut self, shard: ShardId) {
        self.leading = false;
        self.attached.clear();
        self.hooks.follow(shard);
    }

    /// A session's connection at this worker wants its deliveries: everything unacknowledged that was
    /// started, again. `false` if this node does not lead.
    pub fn attach(&mut self, shard: &Shard, session: SessionId, epoch: Epoch, worker: u16) -> bool {
        self.attach_all(shard, &[(session, epoch)], Place::Here(worker))
    }

    /// The same for connections of another node.
    pub(crate) fn attach_remote(
        &mut self,
        shard: &Shard,
        node: NodeId,
        sessions: &[(SessionId, Epoch)],
    ) -> bool {
        self.attach_all(shard, sessions, Place::There(node))
    }

    fn attach_all(&mut self, shard: &Shard, sessions: &[(SessionId, Epoch)], place: Place) -> bool {
        if !self.leading {
            return false;
        }
        let mut attached = Vec::with_capacity(sessions.len());
        for (session, epoch) in sessions.iter().copied() {
            // A connection that was taken over meanwhile has no say any more (P3).
            if is_owned(shard, session, epoch) {
                let sent = 0;
                self.attached
                    .insert(session, Attached { epoch, place, sent });
                attached.push(session);
            }
        }
        self.deliver(shard, &attached);
        true
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
                Effect::InterestAdded(filter) => interest.push((filter, Some(Scope::Every))),
                Effect::InterestRemoved(filter) => interest.push((filter, None)),
                Effect::ShareChanged(group, count) => {
                    interest.push((group, count.map(Scope::Share)));
                }
                Effect::PublishWill {
                    session,
                    client_id,
                    epoch,
                    message,
                    group,
                } => {
                    let will = PendingWill {
                        session,
                        epoch,
                        client_id,
                        message,
                        group,
                    };
                    self.hooks.publish_will(shard.id(), will);
                }
                Effect::ForgetOrigins(origins) => self.hand_to_forget(origins),
                Effect::Close { session, owner } => self.close(shard, session, owner),
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

    /// Something that was sent to another node did not arrive, or its connection is gone.
    pub(crate) fn failed(&mut self, shard: &Shard, failures: Failures) {
        for (session, epoch) in failures.gone {
            self.detach(session, epoch);
        }
        let mut again = Vec::with_capacity(failures.again.len());
        for ((_, session), (epoch, after)) in failures.again {
            let known = self.attached.get_mut(&session);
            if let Some(attached) = known.filter(|attached| attached.epoch == epoch) {
                attached.sent = attached.sent.min(after);
                again.push(session);
            }
        }
        if self.leading {
            self.deliver(shard, &again);
        }
    }

    fn close(&self, shard: &Shard, session: SessionId, owner: Owner) {
        match &self.remote {
            Some(remote) if remote.node() != owner.node => {
                remote.close(owner.node, shard.id(), (session, owner.epoch));
            }
            Some(_) | None => self.hooks.close(shard.id(), session, owner),
        }
    }

    /// Hands over what may be sent and has not been, one call per worker or node.
    fn deliver(&mut self, shard: &Shard, sessions: &[SessionId]) {
        let mut places: BTreeMap<Place, Vec<Piece>> = BTreeMap::new();
        for session in sessions.iter().copied() {
            let Some(attached) = self.attached.get_mut(&session) else {
                continue;
            };
            if !is_owned(shard, session, attached.epoch) {
                self.attached.remove(&session);
                continue;
            }
            let after = attached.sent;
            let started = shard.started(session);
            let deliveries: Vec<_> = shard.deliveries(session, after, started).collect();
            attached.sent = after.max(started);
            if deliveries.is_empty() {
                continue;
            }
            places.entry(attached.place).or_default().push(Piece {
                held: (session, attached.epoch),
                after,
                up_to: attached.sent,
                deliveries,
            });
        }
        for (place, pieces) in places {
            match place {
                Place::Here(worker) => self.hooks.deliver(worker, local(shard, pieces)),
                Place::There(node) => {
                    if let Some(remote) = &self.remote {
                        remote.deliver(node, shard.id(), shard.time(), pieces);
                    }
                }
            }
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

fn is_owned(shard: &Shard, session: SessionId, epoch: Epoch) -> bool {
    shard
        .owner(session)
        .is_some_and(|owner| owner.epoch == epoch)
}

fn local(shard: &Shard, pieces: Vec<Piece>) -> Vec<SessionDeliveries> {
    let pieces = pieces.into_iter();
    pieces
        .map(|piece| SessionDeliveries {
            shard: shard.id(),
            session: piece.held.0,
            epoch: piece.held.1,
            now: shard.time(),
            deliveries: piece.deliveries,
        })
        .collect()
}
