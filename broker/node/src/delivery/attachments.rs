//! Durable sessions whose connections this node holds, per shard: attached at the shard's leader, wherever
//! that is, and again at every new one. Sees to it that a session gets its deliveries without gaps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_shard::{Epoch, Millis, NodeId, Sequence, SessionId, ShardId};
use tokio::sync::Notify;

use super::hooks::{Deliveries, SessionDeliveries};
use super::limits::{ATTACH_DEADLINE, ATTACH_RETRY, ATTACH_SESSIONS_MAX};
use crate::convert::{self, Held, NotTaken, Piece};
use crate::peers::{Kind, Lane, Peers};
use crate::raft::{Group, ShardMachine, Way};

/// See the module.
pub(crate) struct Attachments {
    shard: ShardId,
    group: Group,
    machine: Arc<ShardMachine>,
    hooks: Arc<dyn Deliveries>,
    peers: Peers,
    sessions: Mutex<Sessions>,
    wake: Notify,
}

#[derive(Default)]
struct Sessions {
    attached: BTreeMap<SessionId, Attached>,
    /// Of those, the ones that the present leader has not taken yet.
    pending: BTreeSet<SessionId>,
}

/// A session with a connection of this node.
struct Attached {
    epoch: Epoch,
    worker: u16,
    /// The last entry that came from a leader on another node.
    received: Sequence,
}

impl Sessions {
    /// The worker that a piece is for, if it follows what came before; repeats are for the session to drop.
    fn receive(&mut self, piece: &Piece, not_taken: &mut NotTaken) -> Option<u16> {
        let (session, epoch) = piece.held;
        let known = self.attached.get_mut(&session);
        let Some(attached) = known.filter(|attached| attached.epoch == epoch) else {
            not_taken.gone.push(piece.held);
            return None;
        };
        if piece.after > attached.received {
            not_taken.again.push(piece.held);
            return None;
        }
        attached.received = attached.received.max(piece.up_to);
        Some(attached.worker)
    }
}

impl Attachments {
    pub(crate) fn new(
        shard: ShardId,
        group: Group,
        machine: Arc<ShardMachine>,
        hooks: Arc<dyn Deliveries>,
        peers: Peers,
    ) -> Arc<Self> {
        Arc::new(Self {
            shard,
            group,
            machine,
            hooks,
            peers,
            sessions: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// A connection wants the deliveries of its session. When this node leads, they come at once.
    pub(crate) fn attach(&self, session: SessionId, epoch: Epoch, worker: u16) {
        {
            let mut sessions = self.lock();
            let known = sessions.attached.get(&session);
            if known.is_some_and(|attached| attached.epoch > epoch) {
                return;
            }
            let received = 0;
            sessions.attached.insert(
                session,
                Attached {
                    epoch,
                    worker,
                    received,
                },
            );
            sessions.pending.insert(session);
        }
        if self.group.way() == Way::Here {
            self.attach_here(&[(session, epoch)]);
        } else {
            self.wake.notify_one();
        }
    }

    /// It wants no more.
    pub(crate) fn detach(&self, session: SessionId, epoch: Epoch) {
        {
            let mut sessions = self.lock();
            let known = sessions.attached.get(&session);
            if known.is_none_or(|attached| attached.epoch != epoch) {
                return;
            }
            sessions.attached.remove(&session);
            sessions.pending.remove(&session);
        }
        match self.group.way() {
            Way::Here => self.machine.state().dispatcher.detach(session, epoch),
            Way::There(leader) => {
                let body = convert::encode_sessions(self.shard, &[(session, epoch)]);
                // One that is lost is made up for by the answer to the next delivery.
                let _ = self.peers.send(leader, Lane::Append, Kind::Detach, body);
            }
            Way::Nowhere => {}
        }
    }

    /// Deliveries that a leader on another node sent: those that follow what came before go to their
    /// workers. What does not is told.
    pub(crate) fn take(&self, now: Millis, pieces: Vec<Piece>) -> NotTaken {
        let mut not_taken = NotTaken::default();
        let mut workers: BTreeMap<u16, Vec<SessionDeliveries>> = BTreeMap::new();
        // Held until the workers have them, so that two frames cannot overtake each other.
        let mut sessions = self.lock();
        for piece in pieces {
            let Some(worker) = sessions.receive(&piece, &mut not_taken) else {
                continue;
            };
            let (session, epoch) = piece.held;
            workers.entry(worker).or_default().push(SessionDeliveries {
                shard: self.shard,
                session,
                epoch,
                now,
                deliveries: piece.deliveries,
            });
        }
        for (worker, deliveries) in workers {
            self.hooks.deliver(worker, deliveries);
        }
        not_taken
    }

    /// Attaches at every new leader. Works until aborted.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut leader = self.group.leader();
        let mut leadership = self.group.leadership();
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                Ok(()) = leader.changed() => self.attach_all(),
                Ok(()) = leadership.changed() => self.attach_all(),
            }
            while let Some(some) = self.some_pending() {
                if !self.attach_at_leader(&some).await {
                    self.group.another_way(ATTACH_RETRY).await;
                }
            }
        }
    }

    fn attach_all(&self) {
        let mut sessions = self.lock();
        sessions.pending = sessions.attached.keys().copied().collect();
    }

    fn some_pending(&self) -> Option<Vec<Held>> {
        let sessions = self.lock();
        let pending = sessions.pending.iter().take(ATTACH_SESSIONS_MAX);
        let some: Vec<_> = pending
            .filter_map(|session| Some((*session, sessions.attached.get(session)?.epoch)))
            .collect();
        (!some.is_empty()).then_some(some)
    }

    /// Whether the leader has taken them.
    async fn attach_at_leader(&self, some: &[Held]) -> bool {
        match self.group.way() {
            Way::Here => self.attach_here(some),
            Way::There(leader) => self.attach_there(leader, some).await,
            Way::Nowhere => false,
        }
    }

    fn attach_here(&self, some: &[Held]) -> bool {
        let mut state = self.machine.state();
        let state = &mut *state;
        for (session, epoch) in some.iter().copied() {
            let worker = self.worker_of(session, epoch);
            let Some(worker) = worker else {
                continue;
            };
            if !state
                .dispatcher
                .attach(&state.shard, session, epoch, worker)
            {
                return false;
            }
            self.settle(session, epoch);
        }
        true
    }

    async fn attach_there(&self, leader: NodeId, some: &[Held]) -> bool {
        let body = convert::encode_sessions(self.shard, some);
        let call = self
            .peers
            .call(leader, Lane::Append, Kind::Attach, body, ATTACH_DEADLINE);
        // What it has led since is another's; those are attached again then.
        let mut leaders = self.group.leader();
        leaders.mark_unchanged();
        if call.await.is_err() || leaders.has_changed().unwrap_or(true) {
            return false;
        }
        for (session, epoch) in some.iter().copied() {
            self.settle(session, epoch);
        }
        true
    }

    fn worker_of(&self, session: SessionId, epoch: Epoch) -> Option<u16> {
        let sessions = self.lock();
        let attached = sessions.attached.get(&session)?;
        (attached.epoch == epoch).then_some(attached.worker)
    }

    /// The present leader has taken it.
    fn settle(&self, session: SessionId, epoch: Epoch) {
        let mut sessions = self.lock();
        let known = sessions.attached.get(&session);
        if known.is_none_or(|attached| attached.epoch == epoch) {
            sessions.pending.remove(&session);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(epoch: Epoch, after: Sequence, up_to: Sequence) -> Piece {
        Piece {
            held: (1, epoch),
            after,
            up_to,
            deliveries: Vec::new(),
        }
    }

    #[test]
    fn deliveries_follow_each_other_or_begin_again() {
        let mut sessions = Sessions::default();
        let attached = Attached {
            epoch: 5,
            worker: 3,
            received: 0,
        };
        sessions.attached.insert(1, attached);
        let mut receive = |piece: Piece| {
            let mut not_taken = NotTaken::default();
            let worker = sessions.receive(&piece, &mut not_taken);
            (worker, not_taken)
        };
        let taken = (Some(3), NotTaken::default());
        assert_eq!(receive(piece(5, 0, 4)), taken);
        assert_eq!(receive(piece(5, 4, 6)), taken);
        let (worker, lost) = receive(piece(5, 8, 9));
        assert_eq!(
            (worker, lost.again),
            (None, vec![(1, 5)]),
            "7 and 8 are missing"
        );
        assert_eq!(receive(piece(5, 0, 9)), taken);
        assert_eq!(receive(piece(5, 6, 8)), taken, "an old leader's repeat");
        assert_eq!(receive(piece(5, 9, 10)), taken);
        let (worker, gone) = receive(piece(4, 0, 4));
        assert_eq!((worker, gone.gone), (None, vec![(1, 4)]), "an older claim");
    }
}
