//! Consensus between nodes, the side that asks: openraft's network over the peers' lanes.

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend};

use super::snapshot::SnapshotFile;
use crate::peers::Peers;

use super::type_config::{Snapshot, Types, Vote};

/// Makes the clients of one group.
#[derive(Clone)]
pub(super) struct Network {
    _peers: Peers,
    _group: u32,
}

impl Network {
    /// For this group: 0 is control, shard n is n + 1.
    pub(super) fn new(peers: Peers, group: u32) -> Self {
        Self {
            _peers: peers,
            _group: group,
        }
    }
}

/// The client to a peer that cannot be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoPeer;

impl RaftNetworkFactory<Types> for Network {
    type Network = NoPeer;

    async fn new_client(&mut self, _target: u64, _node: &EmptyNode) -> NoPeer {
        NoPeer
    }
}

fn unreachable() -> Unreachable<Types> {
    Unreachable::new(&AnyError::error("no peers yet"))
}

impl RaftNetworkV2<Types> for NoPeer {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        _request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(unreachable()))
    }

    async fn vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(unreachable()))
    }

    /// The trait's own method grants, which would make a pre-vote worth nothing.
    async fn pre_vote(
        &mut self,
        _request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Err(RPCError::Unreachable(unreachable()))
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: Snapshot,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(StreamingError::Unreachable(unreachable()))
    }
}
