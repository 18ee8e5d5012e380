//! Consensus between nodes, the side that is asked: frames of the Raft kinds to the groups of this node.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use openraft::Raft;

use super::state_machine::StateMachine;
use super::type_config::Types;
use crate::peers::{Block, Handler, Kind, Peers, Replier, Sender};

/// The groups of this node as their peers reach them. One per node, registered for the Raft block.
pub(super) struct RaftServer {
    _snapshots: PathBuf,
}

impl RaftServer {
    /// Takes the Raft frames of these peers. `snapshots` is the directory of the node's snapshots.
    pub(super) fn register(peers: &Peers, snapshots: PathBuf) -> Arc<Self> {
        let server = Arc::new(Self {
            _snapshots: snapshots,
        });
        peers.register(Block::Raft, Arc::clone(&server) as _);
        server
    }

    /// Frames of this group (0 is control, shard n is n + 1) go to `raft` from now on. Until then peers are
    /// told that nobody answers.
    pub(super) fn add(&self, _group: u32, _raft: Raft<Types, StateMachine>) {}

    /// The group has stopped.
    pub(super) fn remove(&self, _group: u32) {}
}

impl Handler for RaftServer {
    fn handle(&self, _from: Sender, _kind: Kind, _body: Bytes, _reply: Replier) {}
}
