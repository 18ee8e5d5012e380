//! Who is known: sessions by id and by client id, with their owners' epochs. A clean session is only this
//! entry; what a durable one keeps is boxed apart, since clean ones are many.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_codec::{PacketId, SubscriptionOptions};

use crate::limits::{INBOUND_OVERHEAD_BYTES, SESSION_OVERHEAD_BYTES, SUBSCRIPTION_OVERHEAD_BYTES};
use crate::message_store::charge;
use crate::queue::Queue;
use crate::record::{Claimant, DelayedWill};
use crate::types::*;

/// All sessions of the shard.
#[derive(Debug, Default)]
pub(crate) struct SessionTable {
    by_id: BTreeMap<SessionId, Session>,
    by_client: BTreeMap<Arc<str>, SessionId>,
    session_last: SessionId,
    epoch_last: Epoch,
    /// What sessions, their wills, subscriptions and inbound packet ids are charged.
    pub(crate) bytes: u64,
    /// Durable subscriptions of all sessions.
    pub(crate) subscriptions: u64,
    durable: u64,
}

/// A session. Without a claimant it is durable and waits for its client or its end.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    pub(crate) claimant: Option<Claimant>,
    pub(crate) expiry_seconds: u32,
    /// Will of the claimant's connection.
    pub(crate) will: Option<Box<Will>>,
    pub(crate) durable: Option<Box<Durable>>,
}

/// What a durable session keeps.
#[derive(Debug)]
pub(crate) struct Durable {
    /// When the session ends, if nobody holds it and it ends at all.
    pub(crate) ends_at: Option<Millis>,
    pub(crate) delayed_will: Option<Box<DelayedWill>>,
    pub(crate) subscriptions: BTreeMap<Arc<str>, Held>,
    /// Taken inbound QoS 2 packet ids, with the numbers that stand for them.
    pub(crate) inbound: BTreeMap<PacketId, u64>,
    pub(crate) inbound_last: u64,
    pub(crate) queue: Queue,
}

/// A subscription without its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<u32>,
}

/// What a session's entry is charged.
pub(crate) fn session_charge(client_id: &str) -> u64 {
    SESSION_OVERHEAD_BYTES + client_id.len() as u64
}

/// What a subscription is charged.
pub(crate) fn subscription_charge(filter: &str) -> u64 {
    SUBSCRIPTION_OVERHEAD_BYTES + filter.len() as u64
}

impl Session {
    /// All that the session is charged in the table; its queue is charged by the message store.
    pub(crate) fn charge(&self) -> u64 {
        let will = self.will.as_ref().map_or(0, |will| charge(&will.message));
        let durable = self.durable.as_ref().map_or(0, |durable| durable.charge());
        session_charge(&self.client_id) + will + durable
    }
}

impl Durable {
    /// A session that has nothing yet.
    pub(crate) fn new(queue: Queue) -> Self {
        Self {
            ends_at: None,
            delayed_will: None,
            subscriptions: BTreeMap::new(),
            inbound: BTreeMap::new(),
            inbound_last: 0,
            queue,
        }
    }

    /// Its subscriptions as they were asked for, by filter.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = Subscription> + '_ {
        self.subscriptions
            .iter()
            .map(|(filter, held)| Subscription {
                filter: filter.clone(),
                options: held.options,
                identifier: held.identifier,
            })
    }

    fn charge(&self) -> u64 {
        let will = self
            .delayed_will
            .as_ref()
            .map_or(0, |will| charge(&will.message));
        let filters: u64 = self
            .subscriptions
            .keys()
            .map(|filter| subscription_charge(filter))
            .sum();
        will + filters + self.inbound.len() as u64 * INBOUND_OVERHEAD_BYTES
    }
}

impl SessionTable {
    /// The next epoch (P3).
    pub(crate) fn next_epoch(&mut self) -> Epoch {
        self.epoch_last += 1;
        self.epoch_last
    }

    /// Adds a session under a new id.
    pub(crate) fn add(&mut self, session: Session) -> SessionId {
        self.session_last += 1;
        self.bytes += session.charge();
        self.put(self.session_last, session);
        self.session_last
    }

    /// Puts a snapshot's session back, still without what its later records bring. False if ids do not ascend, an id or
    /// epoch was never given, or the client id is known.
    pub(crate) fn restore(&mut self, id: SessionId, session: Session) -> bool {
        let ascends = self
            .by_id
            .last_key_value()
            .is_none_or(|(last, _)| *last < id);
        let epoch = session.claimant.map_or(0, |claimant| claimant.owner.epoch);
        let given = id <= self.session_last && epoch <= self.epoch_last;
        if !ascends || !given || self.by_client.contains_key(&session.client_id) {
            return false;
        }
        self.put(id, session);
        true
    }

    /// Sets the last numbers given, from a snapshot.
    pub(crate) fn restore_last(&mut self, session: SessionId, epoch: Epoch) {
        self.session_last = session;
        self.epoch_last = epoch;
    }

    /// Charges what a restore put together.
    pub(crate) fn recount(&mut self) {
        self.bytes = self.by_id.values().map(Session::charge).sum();
        let durable = self
            .by_id
            .values()
            .filter_map(|session| session.durable.as_ref());
        self.subscriptions = durable
            .map(|durable| durable.subscriptions.len() as u64)
            .sum();
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.by_id.remove(&id)?;
        let known = self.by_client.remove(&session.client_id);
        assert_eq!(known, Some(id), "a client id names one session");
        self.bytes -= session.charge();
        if let Some(durable) = &session.durable {
            self.durable -= 1;
            self.subscriptions -= durable.subscriptions.len() as u64;
        }
        Some(session)
    }

    /// The session of a client id.
    pub(crate) fn find(&self, client_id: &str) -> Option<SessionId> {
        self.by_client.get(client_id).copied()
    }

    /// A session.
    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.by_id.get(&id)
    }

    /// A session, to be changed.
    pub(crate) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    /// What a durable session keeps.
    pub(crate) fn durable(&self, id: SessionId) -> Option<&Durable> {
        self.by_id.get(&id)?.durable.as_deref()
    }

    /// What a durable session keeps, to be changed.
    pub(crate) fn durable_mut(&mut self, id: SessionId) -> Option<&mut Durable> {
        self.by_id.get_mut(&id)?.durable.as_deref_mut()
    }

    /// Whether the session is held under this epoch (P3).
    pub(crate) fn is_owned(&self, id: SessionId, epoch: Epoch) -> bool {
        self.session(id)
            .and_then(|session| session.claimant)
            .is_some_and(|claimant| claimant.owner.epoch == epoch)
    }

    /// What a durable session keeps, if it is held under this epoch (P3).
    pub(crate) fn owned(&mut self, id: SessionId, epoch: Epoch) -> Option<&mut Durable> {
        if self.is_owned(id, epoch) {
            self.durable_mut(id)
        } else {
            None
        }
    }

    /// All sessions, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> + '_ {
        self.by_id.iter().map(|(id, session)| (*id, session))
    }

    /// Number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Number of durable sessions.
    pub(crate) fn durable_len(&self) -> u64 {
        self.durable
    }

    /// Last session id given.
    pub(crate) fn session_last(&self) -> SessionId {
        self.session_last
    }

    /// Last epoch given.
    pub(crate) fn epoch_last(&self) -> Epoch {
        self.epoch_last
    }

    fn put(&mut self, id: SessionId, session: Session) {
        self.durable += u64::from(session.durable.is_some());
        self.by_client.insert(session.client_id.clone(), id);
        self.by_id.insert(id, session);
        assert_eq!(
            self.by_id.len(),
            self.by_client.len(),
            "a client id names one session"
        );
    }
}
