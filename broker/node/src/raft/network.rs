//! Consensus between nodes, the side that asks: openraft's network over the peers' lanes. Heartbeats, votes
//! and transfers go by the control lane, entries by the append lane, snapshots by the bulk lane, so that
//! nothing large is ever before a heartbeat.

use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use openraft::OptionalSend;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::EmptyNode;
use openraft::network::{
    Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2, stream_append_sequential,
};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use prost::Message;
use quorate_control::NodeId;

use super::append_stream::AppendStream;
use super::limits::PEER_RETRY;
use super::snapshot::SnapshotFile;
use super::snapshot_sender;
use super::type_config::{Snapshot, Types, Vote};
use super::wire;
use crate::convert::Malformed;
use crate::peers::{CallError, Kind, Lane, Peers};

/// Makes the clients of one group.
#[derive(Clone)]
pub(super) struct Network {
    peers: Peers,
    group: u32,
}

impl Network {
    /// For this group: 0 is control, shard n is n + 1.
    pub(super) fn new(peers: Peers, group: u32) -> Self {
        Self { peers, group }
    }

    fn link(&self, target: NodeId, is_heartbeat: bool) -> Link {
        Link {
            peers: self.peers.clone(),
            group: self.group,
            target,
            is_heartbeat,
        }
    }
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &EmptyNode) -> Link {
        self.link(target, false)
    }

    async fn new_heartbeat_client(&mut self, target: u64, _node: &EmptyNode) -> Link {
        self.link(target, true)
    }
}

/// The client of one group to one peer.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) peers: Peers,
    pub(super) group: u32,
    pub(super) target: NodeId,
    is_heartbeat: bool,
}

impl Link {
    /// Calls and decodes the answer.
    pub(super) async fn call<A: Message + Default>(
        &self,
        lane: Lane,
        kind: Kind,
        request: &impl Message,
        deadline: Duration,
    ) -> Result<A, RPCError<Types>> {
        let body = Bytes::from(request.encode_to_vec());
        let called = self.peers.call(self.target, lane, kind, body, deadline);
        let answer = called.await.map_err(failed)?;
        A::decode(answer).map_err(|error| wire::malformed(&Malformed::from(error)))
    }

    async fn ask_vote(
        &self,
        kind: Kind,
        request: &VoteRequest<Types>,
        option: &RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let request = wire::encode_vote_request(self.group, request);
        let answer = self.call(Lane::Control, kind, &request, option.hard_ttl());
        wire::decode_vote_answer(answer.await?).map_err(|error| wire::malformed(&error))
    }
}

/// How openraft should take a call without answer: one who is down is left alone for a while.
pub(super) fn failed(error: CallError) -> RPCError<Types> {
    match error {
        CallError::Down | CallError::Refused => {
            RPCError::Unreachable(Unreachable::from_string(error))
        }
        CallError::Full | CallError::Deadline => {
            RPCError::Network(NetworkError::from_string(error))
        }
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let request = wire::encode_append(self.group, 0, request);
        let answer = self.call(
            Lane::Control,
            Kind::RaftHeartbeat,
            &request,
            option.hard_ttl(),
        );
        wire::decode_appended(answer.await?).map_err(|error| wire::malformed(&error))
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>, RPCError<Types>>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        // Heartbeats come by the same method, and must not wait behind entries.
        if self.is_heartbeat {
            return stream_append_sequential(self, input, option);
        }
        Box::pin(async move {
            let stream: BoxStream<'s, _> = Box::pin(AppendStream::new(self.clone(), input));
            Ok(stream)
        })
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(Kind::RaftVote, &request, &option).await
    }

    /// The trait's own method grants, which would make a pre-vote worth nothing.
    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(Kind::RaftPreVote, &request, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = snapshot_sender::send(self, vote, snapshot.snapshot) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let encoded = wire::encode_transfer(self.group, &request);
        let answer = self.call(
            Lane::Control,
            Kind::RaftTransfer,
            &encoded,
            option.hard_ttl(),
        );
        let answer = wire::decode_transfer_answer(answer.await?, &request);
        answer.map_err(|error| wire::malformed(&error))
    }

    /// Whether a peer is connected is known without asking it, so asking again is cheap.
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(PEER_RETRY)))
    }
}
