//! Carries interest between this node and its peers: feeds out, updates in, barriers between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quorate_control::Life;
use quorate_router::{Scope, Target};
use quorate_shard::{Incarnation, NodeId, ShardId};
use tokio::sync::watch;

use super::feed::{Change, Feed, Source, Update};
use super::message::{decode_reply, decode_update, encode_reply, encode_update};
use super::own::Own;
use super::received::{Received, Verdict};
use crate::peers::{Block, CallError, Handler, Kind, Lane, Peers, Replier, Sender};
use crate::worker::{Confirm, Mailbox, OnDrop, ToWorker};

/// Lives of other members that may hold a lease: those a barrier waits for.
pub type Live = Arc<[Life]>;

/// How long a peer may take to route by an update before it is sent in full.
const UPDATE_DEADLINE: Duration = Duration::from_secs(5);
/// How often what failed is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Interests(Arc<Inner>);

struct Inner {
    peers: Peers,
    mailboxes: Arc<[Arc<Mailbox>]>,
    live: watch::Receiver<Live>,
    state: Mutex<State>,
    /// Wakes when more is known of what others want.
    heard: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    own: Own,
    feeds: BTreeMap<Source, Feed>,
    received: Received,
    /// Who waited for a barrier of a shard that this node leads no more: the new leader's decides.
    orphans: BTreeMap<ShardId, Vec<Confirm>>,
}

/// An update that is to be sent.
struct Outgoing {
    to: Life,
    source: Source,
    update: Update,
}

impl Interests {
    /// Takes updates of peers from now on; sends none before [`Self::serve`].
    pub fn new(peers: Peers, mailboxes: Arc<[Arc<Mailbox>]>, live: watch::Receiver<Live>) -> Self {
        let state = Mutex::default();
        let inner = Arc::new(Inner {
            peers: peers.clone(),
            mailboxes,
            live,
            state,
            heard: watch::Sender::new(()),
        });
        peers.register(Block::Interest, Arc::new(Receiver(inner.clone())));
        Self(inner)
    }

    /// Begins this life of the node. `leader` tells who leads a shard, as far as this node knows.
    pub fn serve(
        &self,
        incarnation: Incarnation,
        leader: impl Fn(ShardId) -> Option<NodeId> + Send + Sync + 'static,
    ) {
        let mut own = Feed::default();
        own.restart(incarnation, std::iter::empty());
        self.0.lock().feeds.insert(Source::Node, own);
        tokio::spawn(self.0.clone().run(leader));
    }

    /// Waits until this node routes by all that anybody may have been told is subscribed: by what every live peer
    /// wants itself, and by every shard. Whoever subscribes later waits for this node.
    pub async fn loaded(&self, shards: ShardId) {
        let mut heard = self.0.heard.subscribe();
        let mut live = self.0.live.clone();
        loop {
            let now = live.borrow_and_update().clone();
            if self.0.lock().received.is_loaded(&now, shards) {
                return;
            }
            // Both senders live as long as this node.
            tokio::select! {
                _ = heard.changed() => {}
                _ = live.changed() => {}
            }
        }
    }

    /// What a worker's connections want has changed; `confirm` is dropped once every live peer routes by it.
    pub fn worker_changed(&self, worker: u16, changes: &[Change], confirm: Confirm) {
        {
            let mut state = self.0.lock();
            let State { own, feeds, .. } = &mut *state;
            let changed: Vec<Change> = changes
                .iter()
                .filter_map(|(filter, interest)| {
                    let node = own.change(worker, filter, *interest)?;
                    Some((filter.clone(), node))
                })
                .collect();
            let feed = feeds.entry(Source::Node).or_default();
            feed.change(changed.into_iter());
            feed.barrier(confirm);
        }
        self.0.pump();
    }

    /// This node leads the shard in `term`; peers replace what earlier leaders told.
    pub fn lead(&self, shard: ShardId, term: u64, filters: &[(Arc<str>, Scope)], confirm: Confirm) {
        {
            let mut state = self.0.lock();
            let source = Source::Shard(shard);
            state.received.lead(source, term);
            let feed = state.feeds.entry(source).or_default();
            feed.restart(term, filters.iter().cloned());
            feed.barrier(confirm);
        }
        self.0.heard.send_replace(());
        self.0.pump();
    }

    /// The interest of a shard that this node leads has changed.
    pub fn shard_changed(&self, shard: ShardId, deltas: &[Change], confirm: Confirm) {
        {
            let mut state = self.0.lock();
            let feed = state.feeds.entry(Source::Shard(shard)).or_default();
            feed.change(deltas.iter().cloned());
            feed.barrier(confirm);
        }
        self.0.pump();
    }

    /// This node leads the shard no more. Who waits for its barrier now waits for the new leader's.
    pub fn follow(&self, shard: ShardId) {
        let mut state = self.0.lock();
        if let Some(feed) = state.feeds.remove(&Source::Shard(shard)) {
            state
                .orphans
                .entry(shard)
                .or_default()
                .extend(feed.into_waiting());
        }
    }
}

impl Inner {
    async fn run(self: Arc<Self>, leader: impl Fn(ShardId) -> Option<NodeId>) {
        let mut peers = self.peers.state();
        let mut live = self.live.clone();
        let mut known = live.borrow_and_update().clone();
        loop {
            tokio::select! {
                changed = peers.changed() => if changed.is_err() { return },
                changed = live.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY) => {}
            }
            let now = live.borrow_and_update().clone();
            for gone in known.iter().filter(|life| !now.contains(life)) {
                self.forget(*gone);
            }
            known = now;
            self.pump();
            self.ask_for_orphans(&leader);
        }
    }

    /// Sends every connected peer what it lacks, and lets those go whose barrier has passed.
    fn pump(self: &Arc<Self>) {
        let live = self.live.borrow().clone();
        // Only who is live gets anything: from then on it is waited for, so it misses nothing.
        let connected: Vec<Life> = {
            let peers = self.peers.state();
            let peers = peers.borrow();
            let connected = live.iter().filter(|life| peers.is_connected(life.node));
            connected.copied().collect()
        };
        let (outgoing, passed) = {
            let mut state = self.lock();
            let mut outgoing = Vec::new();
            let mut passed = Vec::new();
            for (source, feed) in &mut state.feeds {
                passed.extend(feed.take_passed(&live));
                let updates = connected
                    .iter()
                    .filter_map(|to| Some((*to, feed.next_update(*to)?)));
                outgoing.extend(updates.map(|(to, update)| Outgoing {
                    to,
                    source: *source,
                    update,
                }));
            }
            (outgoing, passed)
        };
        // Dropped without the lock: what it runs may come back here.
        drop(passed);
        outgoing
            .into_iter()
            .for_each(|outgoing| self.send(outgoing));
    }

    fn send(self: &Arc<Self>, outgoing: Outgoing) {
        let Outgoing { to, source, update } = outgoing;
        let kind = if update.from.is_none() {
            Kind::InterestFull
        } else {
            Kind::InterestDelta
        };
        let (term, version) = (update.term, update.to);
        let inner = self.clone();
        let node = to.node;
        let done = Box::new(move |answer: Result<Bytes, CallError>| {
            let routed = answer.is_ok_and(|reply| decode_reply(reply) == Ok(true));
            inner.answered(to, source, term, version, routed);
        });
        let body = encode_update(source, update);
        self.peers
            .call_then(node, Lane::Append, kind, body, UPDATE_DEADLINE, done);
    }

    fn answered(
        self: &Arc<Self>,
        peer: Life,
        source: Source,
        term: u64,
        version: u64,
        routed: bool,
    ) {
        if let Some(feed) = self.lock().feeds.get_mut(&source) {
            if routed {
                feed.acknowledged(peer, term, version);
            } else {
                feed.failed(peer);
            }
        }
        // What failed waits for the next round, so that a peer that refuses is not asked without end.
        if routed {
            self.pump();
        }
    }

    /// A life has ended: its clients are gone, and with them what they wanted.
    fn forget(&self, life: Life) {
        let mut state = self.lock();
        if state.received.forget(life) {
            let nobody = OnDrop::new(Box::new(|| {}));
            self.route(Target::Node(life.node), Vec::new(), true, nobody);
        }
    }

    /// Has every worker route by the changes. Called under the lock, so that changes stay in order.
    fn route(&self, target: Target, changes: Vec<Change>, replace: bool, confirm: Confirm) {
        for mailbox in self.mailboxes.iter() {
            mailbox.send(ToWorker::Interest {
                target,
                changes: changes.clone(),
                replace,
                confirm: confirm.clone(),
            });
        }
    }

    /// Asks new leaders to say when everybody routes by their interest.
    fn ask_for_orphans(self: &Arc<Self>, leader: &impl Fn(ShardId) -> Option<NodeId>) {
        let waiting: Vec<ShardId> = self.lock().orphans.keys().copied().collect();
        for shard in waiting {
            let Some(leader) = leader(shard) else {
                continue;
            };
            let Some(confirms) = self.lock().orphans.remove(&shard) else {
                continue;
            };
            let inner = self.clone();
            let done = Box::new(move |answer: Result<Bytes, CallError>| match answer {
                Ok(_) => drop(confirms),
                Err(_) => inner
                    .lock()
                    .orphans
                    .entry(shard)
                    .or_default()
                    .extend(confirms),
            });
            let body = Bytes::copy_from_slice(&shard.to_be_bytes());
            let kind = Kind::InterestConfirm;
            self.peers
                .call_then(leader, Lane::Append, kind, body, UPDATE_DEADLINE, done);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what peers tell.
struct Receiver(Arc<Inner>);

impl Receiver {
    fn update(&self, from: Sender, body: Bytes, reply: Replier) {
        let Ok((source, update)) = decode_update(body) else {
            tracing::warn!(
                node = from.node,
                "an interest update of a peer is malformed"
            );
            return;
        };
        if source == Source::Node && !self.is_live(from, update.term) {
            // Not yet, as far as is known here, or no more: it comes again.
            return reply.send(encode_reply(false));
        }
        let mut state = self.0.lock();
        let verdict = state.received.judge(from.node, source, &update);
        let (target, changes, replace) = match verdict {
            Verdict::Route { target, replace } => (target, update.changes, replace),
            // It may still be in a mailbox: what is sent behind it is confirmed after it.
            Verdict::Known => (Target::Node(from.node), Vec::new(), false),
            Verdict::Gap => return reply.send(encode_reply(false)),
        };
        let routed = OnDrop::new(Box::new(move || reply.send(encode_reply(true))));
        self.0.route(target, changes, replace, routed);
        drop(state);
        self.0.heard.send_replace(());
    }

    fn is_live(&self, from: Sender, term: u64) -> bool {
        let life = Life {
            node: from.node,
            incarnation: term,
        };
        self.0.live.borrow().contains(&life)
    }

    /// Answers once every live peer routes by what this node tells for the shard.
    fn confirm(&self, body: &[u8], reply: Replier) {
        let Ok(shard) = <[u8; 2]>::try_from(body).map(ShardId::from_be_bytes) else {
            return;
        };
        {
            let mut state = self.0.lock();
            let Some(feed) = state.feeds.get_mut(&Source::Shard(shard)) else {
                return;
            };
            feed.barrier(OnDrop::new(Box::new(move || reply.send(Bytes::new()))));
        }
        self.0.pump();
    }
}

impl Handler for Receiver {
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier) {
        if kind == Kind::InterestConfirm {
            self.confirm(&body, reply);
        } else {
            self.update(from, body, reply);
        }
    }
}
