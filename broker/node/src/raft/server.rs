//! Consensus between nodes, the side that is asked: frames of the Raft kinds to the groups of this node.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use openraft::Raft;
use prost::Message;
use quorate_control::NodeId;
use quorate_proto::peer as proto;
use tokio::time::Instant;

use super::append_server::AppendServer;
use super::snapshot_receiver::SnapshotReceiver;
use super::state_machine::StateMachine;
use super::type_config::{Snapshot, Types};
use super::wire;
use crate::convert::Malformed;
use crate::peers::{Block, Handler, Kind, Lane, Peers, Replier, Sender};

type Handle = Raft<Types, StateMachine>;

/// The groups of this node as their peers reach them. One per node, registered for the Raft block.
pub(super) struct RaftServer {
    groups: RwLock<HashMap<u32, Handle>>,
    appends: AppendServer,
    snapshots: Arc<SnapshotReceiver>,
    /// When this node was last asked to lead a group.
    handed_over: Mutex<HashMap<u32, Instant>>,
}

/// Why a frame is not answered. The sender sees that it is not; the reason is for the log.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("it is malformed: {0}")]
    Malformed(#[from] Malformed),
    #[error("this node has no group {0}")]
    Group(u32),
}

impl RaftServer {
    /// Takes the Raft frames of these peers. `snapshots` is the directory of the node's snapshots.
    pub(super) fn register(peers: &Peers, snapshots: PathBuf) -> Arc<Self> {
        let server = Arc::new(Self {
            groups: RwLock::default(),
            appends: AppendServer::default(),
            snapshots: Arc::new(SnapshotReceiver::new(snapshots)),
            handed_over: Mutex::default(),
        });
        peers.register(Block::Raft, Arc::clone(&server) as _);
        server
    }

    /// Frames of this group (0 is control, shard n is n + 1) go to `raft` from now on. Until then peers are
    /// told that nobody answers.
    pub(super) fn add(&self, group: u32, raft: Handle) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.insert(group, raft);
    }

    /// The group has stopped.
    pub(super) fn remove(&self, group: u32) {
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.remove(&group);
    }

    /// How long ago a leader asked this node to take the group over.
    pub(super) fn handed_over_since(&self, group: u32) -> Option<Duration> {
        let handed_over = self.handed_over.lock();
        let handed_over = handed_over.unwrap_or_else(PoisonError::into_inner);
        handed_over.get(&group).map(Instant::elapsed)
    }

    fn group(&self, group: u32) -> Result<Handle, Unanswered> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        let found = groups.get(&group).cloned();
        found.ok_or(Unanswered::Group(group))
    }

    fn take(
        &self,
        from: NodeId,
        kind: Kind,
        body: Bytes,
        reply: Replier,
    ) -> Result<(), Unanswered> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the kinds of other modules are none of its business"
        )]
        match kind {
            Kind::RaftAppend => self.append(from, body, reply),
            Kind::RaftAppendEnd => {
                let end: proto::RaftAppendEnd = decode(body)?;
                self.appends.end(from, end.group, end.stream);
                Ok(())
            }
            Kind::RaftHeartbeat => self.heartbeat(body, reply),
            Kind::RaftVote => self.vote(body, reply),
            Kind::RaftPreVote => self.pre_vote(body, reply),
            Kind::RaftTransfer => self.transfer(body, reply),
            Kind::RaftSnapshotOffer | Kind::RaftSnapshotPiece => self.piece(from, body, reply),
            Kind::RaftSnapshotInstall => self.install(from, body, reply),
            // It is registered for its own block only.
            _ => Ok(()),
        }
    }

    fn append(&self, from: NodeId, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let append: proto::RaftAppend = decode(body)?;
        let raft = self.group(append.group)?;
        let place = (append.group, append.stream);
        let request = wire::decode_append(append)?;
        self.appends.append(&raft, from, place, request, reply);
        Ok(())
    }

    fn heartbeat(&self, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let append: proto::RaftAppend = decode(body)?;
        let raft = self.group(append.group)?;
        let request = wire::decode_append(append)?;
        answer(reply, async move {
            let answer = raft.append_entries(request).await.ok()?;
            Some(wire::encode_appended(answer))
        });
        Ok(())
    }

    fn vote(&self, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let request: proto::RaftVoteRequest = decode(body)?;
        let raft = self.group(request.group)?;
        let request = wire::decode_vote_request(request)?;
        answer(reply, async move {
            let answer = raft.vote(request).await.ok()?;
            Some(wire::encode_vote_answer(&answer))
        });
        Ok(())
    }

    fn pre_vote(&self, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let request: proto::RaftVoteRequest = decode(body)?;
        let raft = self.group(request.group)?;
        let request = wire::decode_vote_request(request)?;
        answer(reply, async move {
            let answer = raft.pre_vote(request).await.ok()?;
            Some(wire::encode_vote_answer(&answer))
        });
        Ok(())
    }

    fn transfer(&self, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let request: proto::RaftTransferRequest = decode(body)?;
        let group = request.group;
        let raft = self.group(group)?;
        let request = wire::decode_transfer(request)?;
        // Every voter is told; one is meant.
        if request.to_node_id() == raft.node_id() {
            let mut handed_over = self
                .handed_over
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            handed_over.insert(group, Instant::now());
        }
        answer(reply, async move {
            let answer = raft.handle_transfer_leader(request).await.ok()?;
            Some(wire::encode_transfer_answer(answer))
        });
        Ok(())
    }

    fn piece(&self, from: NodeId, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let piece: proto::RaftSnapshotPiece = decode(body)?;
        let snapshot = piece.snapshot.ok_or(Malformed::Missing("piece.snapshot"))?;
        // A file is only kept for a group that is here.
        self.group(snapshot.group)?;
        let receiver = Arc::clone(&self.snapshots);
        answer(reply, async move {
            let keeping = tokio::task::spawn_blocking(move || {
                if piece.data.is_empty() {
                    receiver.offer(from, &snapshot)
                } else {
                    receiver.piece(from, &piece)
                }
            });
            match keeping.await.ok()? {
                Ok(offset) => Some(proto::RaftSnapshotKept { offset }),
                Err(error) => {
                    tracing::warn!(%error, "a piece of a snapshot cannot be kept");
                    None
                }
            }
        });
        Ok(())
    }

    fn install(&self, from: NodeId, body: Bytes, reply: Replier) -> Result<(), Unanswered> {
        let install: proto::RaftSnapshotInstall = decode(body)?;
        let snapshot = install.snapshot.ok_or(Malformed::Missing("snapshot"))?;
        let raft = self.group(snapshot.group)?;
        let vote = wire::decode_vote(install.vote)?;
        let receiver = Arc::clone(&self.snapshots);
        answer(reply, async move {
            let checking = Arc::clone(&receiver);
            let checked =
                tokio::task::spawn_blocking(move || checking.complete(from, &snapshot)).await;
            let file = match checked.ok()? {
                Ok(file) => file,
                Err(error) => {
                    tracing::warn!(%error, "a received snapshot cannot be used");
                    return None;
                }
            };
            let whole = Snapshot {
                meta: file.meta.clone(),
                snapshot: file.clone(),
            };
            let installed = raft.install_full_snapshot(vote, whole).await.ok()?;
            receiver.done(&file);
            Some(proto::RaftSnapshotInstalled {
                vote: Some(wire::encode_vote(&installed.vote)),
            })
        });
        Ok(())
    }
}

impl Handler for RaftServer {
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier) {
        if let Err(error) = self.take(from.node, kind, body, reply) {
            tracing::debug!(from = from.node, ?kind, "a frame is not answered: {error}");
        }
    }

    fn ended(&self, from: NodeId, lane: Lane) {
        match lane {
            Lane::Append => self.appends.end_all(from),
            Lane::Control | Lane::Bulk => {}
        }
    }
}

fn decode<M: Message + Default>(body: Bytes) -> Result<M, Malformed> {
    M::decode(body).map_err(Malformed::from)
}

/// Answers when the group has; `None` lets the reply's drop say that no answer comes.
fn answer<A: Message>(reply: Replier, answering: impl Future<Output = Option<A>> + Send + 'static) {
    tokio::spawn(async move {
        if let Some(answer) = answering.await {
            reply.send(answer.encode_to_vec().into());
        }
    });
}
