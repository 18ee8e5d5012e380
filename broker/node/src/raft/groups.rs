//! All groups of this node: start, and the calls the rest of the node makes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quorate_control::SlotMap;
use quorate_shard::{
    Command, Epoch, Incarnation, Message, NodeId, Outcome, SessionId, ShardId, Statistics,
};

use crate::delivery::Deliveries;
use crate::shard_client::{Completions, Request, Unavailable};

/// What a start needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's data directory; `wal/` and `snapshots/` are made inside.
    pub data: PathBuf,
    /// Number of shard groups when the directory is fresh; ignored later.
    pub shards: ShardId,
    /// Cluster id when the directory is fresh; random. Ignored later.
    pub cluster_id: u128,
    /// Bytes of log after which a group makes a snapshot.
    pub snapshot_log_bytes: u64,
}

/// Where outcomes and deliveries go.
#[derive(Clone)]
pub struct Hooks {
    /// Outcomes for workers.
    pub completions: Arc<dyn Completions>,
    /// Work of the shard leaders.
    pub deliveries: Arc<dyn Deliveries>,
}

/// Why the groups could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not there yet.
    #[error("not built yet")]
    Skeleton,
}

/// A retained message that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct RetainedFound {
    /// The message.
    pub message: Arc<Message>,
    /// What is left of its expiry interval, in seconds.
    pub expiry_seconds: Option<u32>,
}

/// All groups of this node. Cheap to clone.
#[derive(Clone)]
pub struct Groups(());

impl Groups {
    /// Opens the log, restores every group, elects, fences earlier lives and loads interest. When it
    /// returns, the node may serve.
    ///
    /// # Errors
    ///
    /// The disk, or what is on it.
    pub async fn start(options: Options, hooks: Hooks) -> Result<Self, StartError> {
        let _ = (options, hooks);
        Err(StartError::Skeleton)
    }

    /// This node's id.
    pub fn node(&self) -> NodeId {
        unreachable!("skeleton")
    }

    /// This life of the node.
    pub fn incarnation(&self) -> Incarnation {
        unreachable!("skeleton")
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> u128 {
        unreachable!("skeleton")
    }

    /// Which shard holds which key.
    pub fn slots(&self) -> &SlotMap {
        unreachable!("skeleton")
    }

    /// Hands commands to a shard, in order. Outcomes come by each request's `reply`.
    pub fn submit(&self, shard: ShardId, requests: Vec<Request>) {
        let _ = (shard, requests);
    }

    /// One command, awaited.
    ///
    /// # Errors
    ///
    /// No answer came within `deadline`.
    pub async fn call(
        &self,
        shard: ShardId,
        command: Command,
        deadline: Duration,
    ) -> Result<Outcome, Unavailable> {
        let _ = (shard, command, deadline);
        Err(Unavailable::Stopped)
    }

    /// The connection that holds a durable session wants its deliveries, at this worker. Everything
    /// unacknowledged that was started comes at once.
    pub fn attach(&self, shard: ShardId, session: SessionId, epoch: Epoch, worker: u16) {
        let _ = (shard, session, epoch, worker);
    }

    /// It wants no more.
    pub fn detach(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        let _ = (shard, session, epoch);
    }

    /// A will that [`Deliveries::publish_will`] handed out is published.
    pub fn will_done(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        let _ = (shard, session, epoch);
    }

    /// Retained messages that match; linearizable. A filter without wildcard asks its topic's shard only.
    ///
    /// # Errors
    ///
    /// A shard did not answer within `deadline`.
    pub async fn retained(
        &self,
        filter: &str,
        deadline: Duration,
    ) -> Result<Vec<RetainedFound>, Unavailable> {
        let _ = (filter, deadline);
        Err(Unavailable::Stopped)
    }

    /// Sums of a shard's state.
    pub fn statistics(&self, shard: ShardId) -> Statistics {
        let _ = shard;
        Statistics::default()
    }

    /// Ends all groups and the log, in this order.
    pub async fn shutdown(&self) {}
}
