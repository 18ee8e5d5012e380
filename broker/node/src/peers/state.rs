//! What this node knows of its peers, as a value that others watch. Decides nothing.

use std::collections::BTreeMap;

use quorate_control::{Incarnation, NodeId};

use super::error::Refusal;

/// Who this node is to its peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The cluster.
    pub cluster: u128,
    /// This node.
    pub node: NodeId,
    /// The life it is in. Until the control group has given this life its number, the last one's number.
    pub incarnation: Incarnation,
}

/// Where a member listens for peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress {
    /// The member.
    pub node: NodeId,
    /// `HOST:PORT`; the host is also the name its certificate must have.
    pub address: String,
}

/// One peer as seen from here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerState {
    /// Where it is dialled.
    pub address: String,
    /// Whether all lanes to it are up.
    pub connected: bool,
    /// Its newest life that was heard of.
    pub incarnation: Option<Incarnation>,
    /// Why it refused this node when it was last dialled; `Member` is what a removed node hears.
    pub refused: Option<Refusal>,
}

/// All peers, by node; this node is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeersState {
    /// By node.
    pub peers: BTreeMap<NodeId, PeerState>,
}

impl PeersState {
    /// Whether all lanes to this node are up.
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.peers.get(&node).is_some_and(|peer| peer.connected)
    }
}
