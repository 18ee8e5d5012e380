//! Our handle on one Raft group: propose, read, watch, stop. Everything of openraft ends here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use openraft::{Config, Raft, ReadPolicy, ServerState, SnapshotPolicy};
use quorate_control::NodeId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::limits;
use super::log_store::LogStore;
use super::machine::{Machine, Reply};
use super::network::Network;
use super::server::RaftServer;
use super::state_machine::{Shared, StateMachine};
use super::type_config::{Callback, Command, Types};

/// A running Raft group. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Group {
    node: NodeId,
    pub(super) raft: Raft<Types, StateMachine>,
    shared: Arc<Shared>,
    leadership: watch::Receiver<Leadership>,
    leader: watch::Receiver<Option<NodeId>>,
    pub(super) server: Arc<RaftServer>,
    pub(super) number: u32,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

/// What this node is to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// Not the leader, or not yet up to date with what earlier leaders committed.
    Following,
    /// The leader, with everything applied that was committed before.
    Leading,
    /// The group has stopped: by request, or because its disk failed.
    Stopped,
}

/// Where a group's leader is, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// This node leads.
    Here,
    /// Another node leads.
    There(NodeId),
    /// Nobody is known to lead, or this node is only about to.
    Nowhere,
}

/// Numbers of a group for operators.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupStatus {
    /// Whether this node leads.
    pub leading: bool,
    /// Present term.
    pub term: u64,
    /// Who leads, if known.
    pub leader: Option<NodeId>,
    /// Index of the last entry that is committed.
    pub committed: u64,
    /// Index of the last entry that is applied.
    pub applied: u64,
    /// Bytes of commands applied since the last snapshot.
    pub log_bytes: u64,
}

/// Why a proposal was not applied, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProposeError {
    /// It is not in the log: this node does not lead, or has no lease yet. Try again, here or elsewhere.
    #[error("not proposed")]
    Refused,
    /// It may be applied or not; only a numbered batch may be tried again.
    #[error("the outcome is unknown")]
    Unknown,
    /// The group has stopped.
    #[error("the group has stopped")]
    Stopped,
}

/// A read could not be made linearizable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this node cannot confirm that it leads")]
pub(crate) struct NotLeading;

/// Why a group did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    /// The snapshot on disk.
    #[error("the snapshot cannot be restored")]
    Restore(#[source] std::io::Error),
    /// openraft refuses the log or its own configuration; the text is all there is.
    #[error("consensus does not start: {0}")]
    Raft(String),
}

/// What a group is started with.
pub(super) struct GroupParts {
    /// 0 is control, shard n is n + 1.
    pub(super) number: u32,
    pub(super) node: NodeId,
    /// Whether a group without a log begins with this node as its only voter; otherwise it waits to be taken
    /// in by its leader.
    pub(super) found: bool,
    /// Where peers' frames find the group.
    pub(super) server: Arc<RaftServer>,
    pub(super) network: Network,
    pub(super) log: LogStore,
    pub(super) state: StateMachine,
    pub(super) machine: Arc<dyn Machine>,
}

impl Group {
    /// Starts the group, as the parts say. One whose only voter is this node elects it at once; whether it
    /// is that is told too.
    pub(super) async fn start(parts: GroupParts) -> Result<(Self, bool), GroupError> {
        let config = Arc::new(
            config(format!("group-{}", parts.number))
                .validate()
                .map_err(raft_error)?,
        );
        let shared = Arc::clone(&parts.state.0);
        let raft = Raft::new(parts.node, config, parts.network, parts.log, parts.state);
        let raft = raft.await.map_err(raft_error)?;
        let mut alone = false;
        if raft.is_initialized().await.map_err(raft_error)? {
            let voters: Vec<NodeId> = raft.voter_ids().collect();
            alone = voters == [parts.node];
            if alone {
                // No one else can be waited for: the election time-out would only delay the start.
                raft.trigger().elect(false).await.map_err(raft_error)?;
            }
        } else if parts.found {
            let only = BTreeSet::from([parts.node]);
            raft.initialize(only).await.map_err(raft_error)?;
            alone = true;
        }
        parts.server.add(parts.number, raft.clone());
        let (told, leadership) = watch::channel(Leadership::Following);
        let (found, leader) = watch::channel(None);
        let group = Self {
            node: parts.node,
            raft,
            shared,
            leadership,
            leader,
            server: parts.server,
            number: parts.number,
            tasks: Arc::default(),
        };
        let leading = tokio::spawn(lead(group.raft.clone(), parts.machine, told));
        let following = tokio::spawn(find_leader(group.raft.clone(), found));
        let snapshots = tokio::spawn(make_snapshots(
            group.raft.clone(),
            Arc::clone(&group.shared),
        ));
        group.tasks().extend([leading, following, snapshots]);
        Ok((group, alone))
    }

    /// Proposes an encoded command. `done` is called exactly once, from the thread that applies, and must not
    /// block. Waits only while openraft's own queue is full.
    pub(crate) async fn propose(
        &self,
        command: Bytes,
        done: impl FnOnce(Result<Reply, ProposeError>) + Send + 'static,
    ) {
        let done = Once(Some(Box::new(done)));
        let callback = Callback(Box::new(move |result: ClientWriteResult<Types>| {
            done.call(result.map(|written| written.data).map_err(propose_error));
        }));
        // When the group has stopped the callback is dropped, and its drop answers.
        let _ = self
            .raft
            .client_write_ff(Command(command), Some(callback))
            .await;
    }

    /// Completes when everything acknowledged before the call is applied here, with the leadership
    /// confirmed: a read of the machine is then linearizable.
    pub(crate) async fn linearize(&self) -> Result<(), NotLeading> {
        let read = self.raft.ensure_linearizable(ReadPolicy::ReadIndex).await;
        read.map(|_| ()).map_err(|_| NotLeading)
    }

    /// What this node is to the group, as it changes.
    pub(crate) fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Who leads as far as this node knows; wakes at every new term, also when it has the same leader.
    pub(crate) fn leader(&self) -> watch::Receiver<Option<NodeId>> {
        self.leader.clone()
    }

    /// Where what the leader has to do is to go.
    pub(crate) fn way(&self) -> Way {
        if *self.leadership.borrow() == Leadership::Leading {
            return Way::Here;
        }
        match *self.leader.borrow() {
            Some(leader) if leader != self.node => Way::There(leader),
            Some(_) | None => Way::Nowhere,
        }
    }

    /// Completes when the leader may be another one, or after `longest`.
    pub(crate) async fn another_way(&self, longest: std::time::Duration) {
        let (mut leader, mut leadership) = (self.leader.clone(), self.leadership.clone());
        leader.mark_unchanged();
        leadership.mark_unchanged();
        tokio::select! {
            Ok(()) = leader.changed() => {}
            Ok(()) = leadership.changed() => {}
            () = tokio::time::sleep(longest) => {}
        }
    }

    /// Numbers for operators.
    pub(crate) fn status(&self) -> GroupStatus {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let index = |log_id: Option<super::type_config::LogId>| log_id.map_or(0, |id| id.index);
        GroupStatus {
            leading: *self.leadership.borrow() == Leadership::Leading,
            term: metrics.current_term,
            leader: metrics.current_leader,
            committed: index(metrics.local_committed),
            applied: index(metrics.last_applied),
            log_bytes: self.shared.log_bytes(),
        }
    }

    /// Bytes of log after which the group makes a snapshot.
    pub(super) fn snapshot_log_bytes(&self) -> u64 {
        self.shared.log_bytes_max()
    }

    /// Makes a snapshot now, if anything was applied since the last one.
    pub(super) fn want_snapshot(&self) {
        self.shared.want_snapshot();
    }

    /// Stops the group; proposals under way are answered as unknown.
    pub(crate) async fn shutdown(&self) {
        for task in self.tasks().drain(..) {
            task.abort();
        }
        self.server.remove(self.number);
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "a group did not stop cleanly");
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn config(cluster_name: String) -> Config {
    Config {
        cluster_name,
        election_timeout_min: limits::ELECTION_MS_MIN,
        election_timeout_max: limits::ELECTION_MS_MAX,
        heartbeat_interval: limits::HEARTBEAT_MS,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: limits::SNAPSHOT_LOG_ENTRIES_KEPT,
        enable_pre_vote: Some(true),
        ..Config::default()
    }
}

fn raft_error(error: impl std::fmt::Display) -> GroupError {
    GroupError::Raft(error.to_string())
}

fn propose_error(error: ClientWriteError<Types>) -> ProposeError {
    match error {
        ClientWriteError::ForwardToLeader(_)
        | ClientWriteError::ChangeMembershipError(_)
        | ClientWriteError::PreconditionFailed(_) => ProposeError::Refused,
        ClientWriteError::LogEntryDiscarded(_) => ProposeError::Unknown,
    }
}

/// Calls once, also when it is dropped uncalled.
struct Once(Option<Done>);

type Done = Box<dyn FnOnce(Result<Reply, ProposeError>) + Send>;

impl Once {
    fn call(mut self, result: Result<Reply, ProposeError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Once {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(ProposeError::Stopped));
        }
    }
}

/// Tells the machine and the watchers when this node begins and ceases to lead.
async fn lead(
    raft: Raft<Types, StateMachine>,
    machine: Arc<dyn Machine>,
    told: watch::Sender<Leadership>,
) {
    let mut changes = raft.server_metrics();
    let mut leading_term = None;
    loop {
        let (state, term) = {
            let metrics = changes.borrow_watched();
            (metrics.state, metrics.vote.leader_id.term)
        };
        if state != ServerState::Leader {
            if leading_term.take().is_some() {
                machine.follow();
                told.send_replace(Leadership::Following);
            }
        } else if leading_term != Some(term) {
            if raft
                .ensure_linearizable(ReadPolicy::ReadIndex)
                .await
                .is_err()
            {
                // Right after an election the lease is not there yet.
                tokio::time::sleep(limits::PROPOSE_RETRY).await;
                continue;
            }
            machine.lead(term);
            leading_term = Some(term);
            told.send_replace(Leadership::Leading);
        }
        if changes.changed().await.is_err() {
            break;
        }
    }
    machine.follow();
    told.send_replace(Leadership::Stopped);
}

/// Tells the watchers who leads, at every new leadership.
async fn find_leader(raft: Raft<Types, StateMachine>, found: watch::Sender<Option<NodeId>>) {
    let mut changes = raft.server_metrics();
    let mut last = (0, None);
    loop {
        let now = {
            let metrics = changes.borrow_watched();
            (metrics.vote.leader_id.term, metrics.current_leader)
        };
        if now != last {
            last = now;
            found.send_replace(now.1);
        }
        if changes.changed().await.is_err() {
            break;
        }
    }
    found.send_replace(None);
}

/// Makes a snapshot whenever enough log has gathered. One that fails leaves the last one in force.
async fn make_snapshots(raft: Raft<Types, StateMachine>, shared: Arc<Shared>) {
    loop {
        shared.snapshot_wanted().await;
        loop {
            let worker = Arc::clone(&shared);
            match tokio::task::spawn_blocking(move || worker.prepare_snapshot()).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => tracing::warn!(%error, "a snapshot failed; trying again"),
                Err(error) => tracing::error!(%error, "a snapshot was aborted"),
            }
            tokio::time::sleep(limits::SNAPSHOT_RETRY).await;
        }
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
    }
}
