//! What the tasks of membership share on one node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use quorate_control::{Control, Incarnation, NodeId, Revision};
use tokio::sync::watch;

use super::client::ControlClient;
use super::fence::Fence;
use super::service::Service;
use crate::peers::Peers;
use crate::raft::Group;

/// Why this life of the node cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The cluster has given it up; a new life may begin in the same process.
    Life,
    /// The node is no member any more: the process ends.
    Removed,
}

/// See the module.
pub(crate) struct Membership {
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) peers: Peers,
    pub(crate) client: ControlClient,
    pub(crate) control: watch::Receiver<Arc<Control>>,
    /// All groups of this node by their numbers.
    pub(crate) groups: Vec<Group>,
    pub(crate) fence: Fence,
    pub(crate) service: Arc<Service>,
    over: watch::Sender<Option<Over>>,
    /// This node is to lead nothing, since it is about to stop.
    draining: AtomicBool,
    /// When it asked for the lease and was told to stay away; 0 is never. Others went on without it, so it knows no
    /// longer what is subscribed.
    suspended: AtomicU64,
    /// The newest version of the membership that the control leader has told.
    heard: AtomicU64,
    /// Per group: the membership it has reached, while this node leads it; 0 otherwise.
    reached: Vec<AtomicU64>,
}

impl Membership {
    pub(crate) fn new(
        (node, incarnation): (NodeId, Incarnation),
        client: ControlClient,
        service: Arc<Service>,
        control: watch::Receiver<Arc<Control>>,
        groups: Vec<Group>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node,
            incarnation,
            peers: client.peers.clone(),
            client,
            control,
            reached: groups.iter().map(|_| AtomicU64::new(0)).collect(),
            groups,
            fence: Fence::default(),
            service,
            over: watch::Sender::new(None),
            draining: AtomicBool::new(false),
            suspended: AtomicU64::new(0),
            heard: AtomicU64::new(0),
        })
    }

    /// Whether and why this life has to end.
    pub(crate) fn over(&self) -> watch::Receiver<Option<Over>> {
        self.over.subscribe()
    }

    pub(super) fn end(&self, over: Over) {
        self.fence.lose();
        self.over.send_replace(Some(over));
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// The answer to what was asked at that time: stay away.
    pub(super) fn suspend(&self, asked: u64) {
        self.suspended.fetch_max(asked, Relaxed);
        self.fence.lose();
    }

    /// When it asked last and was told to stay away, if it was.
    pub(super) fn suspended(&self) -> Option<u64> {
        Some(self.suspended.load(Relaxed)).filter(|asked| *asked > 0)
    }

    pub(super) fn state(&self) -> Arc<Control> {
        Arc::clone(&self.control.borrow())
    }

    pub(super) fn hear(&self, revision: Revision) {
        self.heard.fetch_max(revision, Relaxed);
    }

    /// Whether this node knows the membership that is wanted now, as far as it can tell.
    pub(super) fn is_current(&self, control: &Control) -> bool {
        self.fence.is_held() && control.revision() >= self.heard.load(Relaxed)
    }

    pub(super) fn reach(&self, group: usize, revision: Revision) {
        self.reached[group].store(revision, Relaxed);
    }

    pub(super) fn reached(&self, group: usize) -> Revision {
        self.reached[group].load(Relaxed)
    }
}
