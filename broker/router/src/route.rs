//! Where one topic's messages go: made once from all matching filters, then read for each message. It must not be
//! changed after it was made.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use quorate_codec::QoS;

use crate::interest::{ConnectionId, Grant, Holder, Scope, Target};
use crate::share_table::ShareGroup;

/// Everybody who gets the messages of one topic, each once, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The topic, to be shared with whoever must keep it.
    pub topic: Arc<str>,
    /// Own connections.
    pub recipients: Box<[Recipient]>,
    /// Other workers of this node.
    pub workers: Box<[WorkerInterest]>,
    /// Shards that have a durable subscription; they count for messages of QoS 1 and 2 only.
    pub shards: Box<[u16]>,
    /// Other nodes, with what they want.
    pub nodes: Box<[(u64, Scope)]>,
    /// Share groups, one member of which gets it; see [`crate::Table::choose`].
    pub groups: Box<[ShareGroup]>,
    /// What connections with a *no local* subscription get of their own messages; absent means nothing.
    echoes: Box<[Recipient]>,
    identifiers: Box<[NonZeroU32]>,
}

/// Another worker and what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkerInterest {
    /// Index of the worker.
    pub worker: u16,
    /// [`Scope::QosZero`]: only messages published at QoS 0 have a receiver there.
    pub scope: Scope,
}

/// One connection and the sum of its matching subscriptions: it gets a message once [MQTT-3.3.4-2].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub connection: ConnectionId,
    /// The highest QoS among its matching subscriptions.
    pub qos: QoS,
    /// At least one matching subscription is *no local*: if this connection is the publisher, [`Route::echo`] says
    /// what it gets.
    pub no_local: bool,
    /// At least one matching subscription wants the retain flag as published.
    pub retain_as_published: bool,
    /// The session is durable.
    pub durable: bool,
    identifier_count: u32,
    identifier_start: u32,
}

impl Recipient {
    /// The QoS at which the direct path delivers a message of `message` to this connection; `None` if the session's
    /// shard does it.
    #[inline]
    pub fn direct(&self, message: QoS) -> Option<QoS> {
        let effective = self.qos.min(message);
        (!self.durable || effective == QoS::AtMostOnce).then_some(effective)
    }
}

impl Route {
    /// All subscription identifiers that go with a message to this recipient, in ascending order [MQTT-3.3.4-3, -4].
    #[inline]
    pub fn identifiers(&self, recipient: &Recipient) -> &[NonZeroU32] {
        let Range { start, end } = recipient.range();
        &self.identifiers[start..end]
    }

    /// What the publisher itself gets, if one of its subscriptions is *no local* [MQTT-3.8.3-3].
    pub fn echo(&self, publisher: ConnectionId) -> Option<&Recipient> {
        let at = self
            .echoes
            .binary_search_by_key(&publisher, |echo| echo.connection)
            .ok()?;
        Some(&self.echoes[at])
    }

    /// What of it is for shards.
    #[must_use]
    pub fn to_shards(&self) -> Self {
        let mut route = Self::to_nobody(Arc::clone(&self.topic));
        route.shards.clone_from(&self.shards);
        route
    }

    /// A route on which nobody gets anything.
    pub fn to_nobody(topic: Arc<str>) -> Self {
        RouteBuilder::default().build(topic)
    }

    /// Nobody gets anything.
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
            && self.workers.is_empty()
            && self.shards.is_empty()
            && self.nodes.is_empty()
            && self.groups.is_empty()
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.topic.len()
            + size_of_val(&*self.recipients)
            + size_of_val(&*self.echoes)
            + size_of_val(&*self.identifiers)
            + size_of_val(&*self.workers)
            + size_of_val(&*self.shards)
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.groups)
    }
}

impl Recipient {
    #[inline]
    fn range(&self) -> Range<usize> {
        let start = self.identifier_start as usize;
        start..start + self.identifier_count as usize
    }
}

/// Gathers what matches, in any order, and merges it.
#[derive(Debug, Default)]
pub(crate) struct RouteBuilder {
    connections: Vec<(ConnectionId, Grant)>,
    workers: Vec<(u16, Scope)>,
    shards: Vec<u16>,
    nodes: Vec<(u64, Scope)>,
    groups: Vec<ShareGroup>,
}

impl RouteBuilder {
    /// A share group that wants the topic.
    pub(crate) fn add_group(&mut self, group: ShareGroup) {
        self.groups.push(group);
    }

    pub(crate) fn add(&mut self, holder: Holder, grant: Grant) {
        match holder {
            Holder::Every(connection) | Holder::QosZero(connection) => {
                self.connections.push((connection, grant))
            }
            Holder::Target(Target::Worker(worker)) => self.workers.push((worker, grant.scope())),
            Holder::Target(Target::Shard(shard)) => self.shards.push(shard),
            Holder::Target(Target::Node(node)) => self.nodes.push((node, grant.scope())),
        }
    }

    /// Makes the route and leaves the builder empty, its memory kept for the next one.
    pub(crate) fn build(&mut self, topic: Arc<str>) -> Route {
        self.connections
            .sort_unstable_by_key(|(connection, grant)| (*connection, grant.identifier));
        self.shards.sort_unstable();
        self.shards.dedup();
        let mut identifiers = Vec::new();
        let mut recipients = Vec::with_capacity(self.connections.len());
        let mut echoes = Vec::new();
        for group in self
            .connections
            .chunk_by(|(left, _), (right, _)| left == right)
        {
            recipients.extend(merge(group.iter(), &mut identifiers));
            if group.iter().any(|(_, grant)| grant.no_local) {
                echoes.extend(merge(
                    group.iter().filter(|(_, grant)| !grant.no_local),
                    &mut identifiers,
                ));
            }
        }
        let workers = widest(&mut self.workers)
            .map(|(worker, scope)| WorkerInterest { worker, scope })
            .collect();
        let route = Route {
            topic,
            recipients: recipients.into_boxed_slice(),
            workers,
            shards: self.shards.as_slice().into(),
            nodes: widest(&mut self.nodes).collect(),
            groups: self.groups.as_slice().into(),
            echoes: echoes.into_boxed_slice(),
            identifiers: identifiers.into_boxed_slice(),
        };
        self.connections.clear();
        self.workers.clear();
        self.shards.clear();
        self.nodes.clear();
        self.groups.clear();
        route
    }
}

/// One recipient out of all subscriptions of one connection, which come ordered by identifier.
fn merge<'a>(
    group: impl Iterator<Item = &'a (ConnectionId, Grant)>,
    identifiers: &mut Vec<NonZeroU32>,
) -> Option<Recipient> {
    let start = identifiers.len();
    let mut merged: Option<Recipient> = None;
    for (connection, grant) in group {
        if let Some(identifier) = grant.identifier
            && identifiers[start..].last() != Some(&identifier)
        {
            identifiers.push(identifier);
        }
        let sum = merged.get_or_insert_with(|| Recipient {
            connection: *connection,
            qos: grant.qos,
            no_local: false,
            retain_as_published: false,
            durable: false,
            identifier_start: position(start),
            identifier_count: 0,
        });
        sum.qos = sum.qos.max(grant.qos);
        sum.no_local |= grant.no_local;
        sum.retain_as_published |= grant.retain_as_published;
        sum.durable |= grant.narrow;
        sum.identifier_count = position(identifiers.len() - start);
    }
    merged
}

/// Each key once, with the widest scope that it has.
fn widest<K: Ord + Copy>(all: &mut [(K, Scope)]) -> impl Iterator<Item = (K, Scope)> {
    all.sort_unstable();
    // Within a key the widest scope is the last.
    all.chunk_by(|(left, _), (right, _)| left == right)
        .filter_map(|group| group.last().copied())
}

fn position(length: usize) -> u32 {
    u32::try_from(length).expect("4 G subscription identifiers do not fit the memory of a node")
}
