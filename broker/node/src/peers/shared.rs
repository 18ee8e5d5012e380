//! What the tasks of all peers share: identity, members, who is connected. Does no I/O.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use arc_swap::ArcSwap;
use quorate_control::NodeId;
use quorate_proto::peer::Chunk;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::admission::{Admission, Local};
use super::counters::PeersStats;
use super::dial::keep_up;
use super::error::Refusal;
use super::handlers::{Handlers, Sender};
use super::inbound::Inbound;
use super::kind::Lane;
use super::limits::{RELOAD_INTERVAL, SWEEP_INTERVAL};
use super::peer::Peer;
use super::state::{Identity, PeerAddress, PeersState};
use super::tls::PeerTls;

type Connected = BTreeMap<NodeId, Arc<Peer>>;

pub(super) struct Shared {
    pub(super) tls: Option<Arc<PeerTls>>,
    pub(super) runtime: Handle,
    pub(super) handlers: Handlers,
    pub(super) stats: PeersStats,
    pub(super) inbound: Inbound,
    pub(super) state: watch::Sender<PeersState>,
    admission: Admission,
    local: OnceLock<Arc<Local>>,
    peers: ArcSwap<Connected>,
    /// Also the lock under which `peers` is replaced.
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    wanted: Option<Vec<PeerAddress>>,
    is_swept: bool,
    has_stopped: bool,
}

impl Shared {
    pub(super) fn new(tls: Option<Arc<PeerTls>>, runtime: Handle) -> Arc<Self> {
        let shared = Arc::new(Self {
            tls,
            runtime,
            handlers: Handlers::default(),
            stats: PeersStats::default(),
            inbound: Inbound::default(),
            state: watch::Sender::default(),
            admission: Admission::default(),
            local: OnceLock::new(),
            peers: ArcSwap::default(),
            members: Mutex::default(),
        });
        if let Some(tls) = &shared.tls {
            shared.runtime.spawn(reload(Arc::downgrade(tls)));
        }
        shared
    }

    pub(super) fn set_identity(self: &Arc<Self>, identity: Identity) {
        let local = self.local.get_or_init(|| Arc::new(Local::new(identity)));
        assert!(
            (local.cluster, local.node) == (identity.cluster, identity.node),
            "a node's cluster and id never change while it runs"
        );
        local.raise(identity.incarnation);
        self.reconcile(&mut self.members());
        // Peers should hear of a new life at once.
        self.inbound.greet();
        self.peers.load().values().for_each(|peer| peer.greet());
    }

    pub(super) fn set_members(self: &Arc<Self>, wanted: Vec<PeerAddress>) {
        let mut members = self.members();
        members.wanted = Some(wanted);
        self.reconcile(&mut members);
    }

    pub(super) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.peers.load().get(&node).cloned()
    }

    /// Who this node is, if that is said.
    pub(super) fn ready(&self) -> Result<Arc<Local>, Refusal> {
        self.local.get().cloned().ok_or(Refusal::NotReady)
    }

    /// Whose chunk it is, if it is taken.
    pub(super) fn judge(&self, chunk: &Chunk) -> Result<Sender, Refusal> {
        let local = self.local.get().ok_or(Refusal::NotReady)?;
        let (sender, is_news) = self.admission.judge(local, chunk)?;
        if is_news && let Some(peer) = self.peer(sender.node) {
            self.publish(&peer);
        }
        Ok(sender)
    }

    /// The newest life of a node that was heard of.
    pub(super) fn newest(&self, node: NodeId) -> Option<u64> {
        self.admission.newest(node)
    }

    /// A node has come by itself: it can be dialled.
    pub(super) fn heard(&self, node: NodeId, lane: Lane) {
        if let Some(peer) = self.peer(node) {
            peer.heard[lane as usize].notify_one();
        }
    }

    /// Tells those who watch how it stands with a peer.
    pub(super) fn publish(&self, peer: &Arc<Peer>) {
        let node = peer.at.node;
        self.state.send_if_modified(|state| {
            // Judged within, so that the last to tell tells the latest.
            let is_current = self.peer(node).is_some_and(|it| Arc::ptr_eq(&it, peer));
            let Some(known) = state.peers.get_mut(&node).filter(|_| is_current) else {
                return false;
            };
            let before = known.clone();
            known.connected = peer.is_connected();
            known.incarnation = self.admission.newest(node);
            *known != before
        });
    }

    pub(super) fn set_refused(&self, node: NodeId, refused: Option<Refusal>) {
        self.state.send_if_modified(|state| {
            let Some(known) = state.peers.get_mut(&node) else {
                return false;
            };
            std::mem::replace(&mut known.refused, refused) != refused
        });
    }

    /// Ends every stream; nothing comes up again.
    pub(super) fn stop(self: &Arc<Self>) {
        let mut members = self.members();
        members.has_stopped = true;
        for peer in self.peers.swap(Arc::default()).values() {
            peer.retire();
        }
        drop(members);
        self.inbound.close();
        self.state.send_modify(|state| state.peers.clear());
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Dials who is wanted, and nobody else.
    fn reconcile(self: &Arc<Self>, members: &mut Members) {
        let (Some(local), Some(wanted)) = (self.local.get(), &members.wanted) else {
            return;
        };
        if members.has_stopped {
            return;
        }
        let nodes: HashSet<NodeId> = wanted.iter().map(|at| at.node).collect();
        self.admission.set_members(nodes.clone());
        self.inbound.keep_only(|node| nodes.contains(&node));
        self.stats.keep_only(|node| nodes.contains(&node));
        let before = self.peers.load_full();
        let others = wanted.iter().filter(|at| at.node != local.node);
        let peers: Connected = others
            .map(|at| {
                let known = before.get(&at.node).filter(|peer| peer.at == *at);
                let peer = known.cloned().unwrap_or_else(|| self.new_peer(at));
                (at.node, peer)
            })
            .collect();
        let kept = |peer: &Arc<Peer>| {
            let now = peers.get(&peer.at.node);
            now.is_some_and(|now| Arc::ptr_eq(now, peer))
        };
        before
            .values()
            .filter(|peer| !kept(peer))
            .for_each(|peer| peer.retire());
        let new: Vec<_> = peers
            .values()
            .filter(|peer| !peer.is_dialled())
            .cloned()
            .collect();
        self.peers.store(Arc::new(peers));
        self.show_members();
        for peer in &new {
            self.dial(peer);
        }
        if !new.is_empty() && !std::mem::replace(&mut members.is_swept, true) {
            self.runtime.spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn new_peer(&self, at: &PeerAddress) -> Arc<Peer> {
        Arc::new(Peer::new(at.clone(), self.stats.peer(at.node)))
    }

    fn dial(self: &Arc<Self>, peer: &Arc<Peer>) {
        let tasks = Lane::ALL.map(|lane| {
            let keeping = keep_up(Arc::clone(self), Arc::clone(peer), lane);
            self.runtime.spawn(keeping).abort_handle()
        });
        peer.dialled_by(tasks);
    }

    /// Brings the list of peers that others watch in line.
    fn show_members(&self) {
        let peers = self.peers.load();
        self.state.send_modify(|state| {
            state.peers.retain(|node, _| peers.contains_key(node));
            for (node, peer) in peers.iter() {
                let known = state.peers.entry(*node).or_default();
                known.address.clone_from(&peer.at.address);
                known.connected = peer.is_connected();
                known.incarnation = self.admission.newest(*node);
            }
        });
    }
}

/// Fails the calls whose time is over, as long as there is somebody to call.
async fn sweep(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = Instant::now();
        shared
            .peers
            .load()
            .values()
            .for_each(|peer| peer.expire(now));
    }
}

/// Looks at the certificate files, as long as somebody uses them.
pub(crate) async fn reload(tls: Weak<PeerTls>) {
    let mut ticks = tokio::time::interval(RELOAD_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(tls) = tls.upgrade() else {
            return;
        };
        // An error means that reading panicked or the runtime ends; the next tick shows.
        let _ = tokio::task::spawn_blocking(move || tls.reload_if_changed()).await;
    }
}
