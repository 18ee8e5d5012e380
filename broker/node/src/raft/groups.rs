//! All groups of this node, as the rest of the node sees them. How they are started: `start`.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use quorate_control::{Addresses, Control, Life, Role, SlotMap};
use quorate_shard::{
    Command, Epoch, Incarnation, Millis, NodeId, Outcome, SessionId, ShardId, Statistics, WillDone,
};
use quorate_wal::Wal;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::group::{Group, GroupStatus, Leadership};
use super::limits::{GOODBYE_DEADLINE, SHUTDOWN_DRAIN};
use super::membership::GroupMembers;
use super::retained::RetainedFound;
use super::shard_handle::ShardHandle;
use super::start::{self, StartError};
use crate::data_dir::Identity;
use crate::delivery::Deliveries;
use crate::members::{self, Fence, Membership, Over};
use crate::peers::{PeerAddress, Peers};
use crate::shard_client::{Completions, ProposerStatistics, ReplyTo, Request, Unavailable};

/// What a start needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's data directory; `wal/` and `snapshots/` are made inside.
    pub data: PathBuf,
    /// Streams to the other nodes.
    pub peers: Peers,
    /// How this start came about.
    pub start: Start,
    /// What people call the node.
    pub name: String,
    /// Where it is reached in this life.
    pub addresses: Addresses,
    /// Members that the node was told of when it joined; used until it has noted down some.
    pub known: Vec<PeerAddress>,
    /// Number of shard groups when the directory is fresh; ignored later.
    pub shards: ShardId,
    /// Cluster id when the directory is fresh; random. Ignored later.
    pub cluster_id: u128,
    /// Whom the directory is known to belong to. Then a log without it is refused: it was lost, and a node
    /// must not come back without what it has promised.
    pub identity: Option<Identity>,
    /// Whether the directory is known to have had a log; see `identity`.
    pub begun: bool,
    /// Bytes of log after which a group makes a snapshot.
    pub snapshot_log_bytes: u64,
    /// Of the write-ahead log.
    pub wal: quorate_wal::Options,
    /// Of each shard's state.
    pub limits: quorate_shard::Limits,
}

impl Options {
    /// The defaults, for a data directory and a random cluster id.
    pub fn new(data: PathBuf, cluster_id: u128) -> Self {
        Self {
            data,
            peers: Peers::new(None),
            start: Start::Single,
            name: String::new(),
            addresses: Addresses::default(),
            known: Vec::new(),
            shards: 4,
            cluster_id,
            identity: None,
            begun: true,
            snapshot_log_bytes: 64 << 20,
            wal: quorate_wal::Options::default(),
            limits: quorate_shard::Limits::default(),
        }
    }
}

/// How a start came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// By itself: a directory without a cluster begins a new one, any other goes on with what it has.
    Single,
    /// A cluster has just taken this node: its first life. The groups wait for their leaders.
    Joined(Life),
}

/// Where outcomes and deliveries go.
#[derive(Clone)]
pub struct Hooks {
    /// Outcomes for workers.
    pub completions: Arc<dyn Completions>,
    /// Work of the shard leaders.
    pub deliveries: Arc<dyn Deliveries>,
}

/// All groups of this node. Cheap to clone.
#[derive(Clone)]
pub struct Groups(pub(super) Arc<Inner>);

/// What a start puts together.
pub(super) struct Inner {
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) cluster_id: u128,
    pub(super) slots: SlotMap,
    pub(super) wal: Wal,
    pub(super) control: Group,
    pub(super) membership: Arc<Membership>,
    pub(super) shards: Vec<ShardHandle>,
    pub(super) tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Groups {
    /// Opens the log, restores every group, and has the control group give this life of the node its number,
    /// which takes as long as there is no majority. When it returns, commands are taken; [`Self::interest_loaded`] tells when publishes may be routed.
    ///
    /// # Errors
    ///
    /// The disk, or what is on it.
    pub async fn start(options: Options, hooks: Hooks) -> Result<Self, StartError> {
        start::start(options, hooks).await
    }

    /// This node's id.
    pub fn node(&self) -> NodeId {
        self.0.node
    }

    /// This life of the node.
    pub fn incarnation(&self) -> Incarnation {
        self.0.incarnation
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> u128 {
        self.0.cluster_id
    }

    /// Which shard holds which key: a client id, or the topic of a retained value.
    pub fn slots(&self) -> &SlotMap {
        &self.0.slots
    }

    /// Who leads a shard as far as this node knows; wakes at every new leadership.
    ///
    /// # Panics
    ///
    /// There is no such shard.
    pub fn leader(&self, shard: ShardId) -> watch::Receiver<Option<NodeId>> {
        self.shard(shard).group.leader()
    }

    /// Number of shards; their ids are below it.
    pub fn shard_count(&self) -> ShardId {
        self.0.slots.shard_count()
    }

    /// Completes when every shard's interest that was known at the start is confirmed by those who route.
    pub async fn interest_loaded(&self) {
        for shard in &self.0.shards {
            let (told, loaded) = oneshot::channel();
            let barrier = shard.machine.barrier();
            barrier.when_confirmed(barrier.issued(), move || {
                let _ = told.send(());
            });
            // An error means that the call was dropped with the barrier: there is nothing to wait for.
            let _ = loaded.await;
        }
    }

    /// Waits until all that this node has submitted to any shard before the call is applied.
    pub async fn caught_up(&self) {
        for shard in &self.0.shards {
            shard.proposer.caught_up().await;
        }
    }

    /// Hands commands to a shard, in order. Outcomes come by each request's `reply`.
    ///
    /// # Panics
    ///
    /// There is no such shard.
    pub fn submit(&self, shard: ShardId, requests: Vec<Request>) {
        self.shard(shard).proposer.submit(requests);
    }

    /// One command, awaited.
    ///
    /// # Errors
    ///
    /// No answer came within `deadline`.
    ///
    /// # Panics
    ///
    /// There is no such shard.
    pub async fn call(
        &self,
        shard: ShardId,
        command: Command,
        deadline: Duration,
    ) -> Result<Outcome, Unavailable> {
        let (told, outcome) = oneshot::channel();
        let reply = ReplyTo::Oneshot(told);
        self.submit(shard, vec![Request { command, reply }]);
        match tokio::time::timeout(deadline, outcome).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(Unavailable::Stopped),
            Err(_) => Err(Unavailable::Deadline),
        }
    }

    /// The connection that holds a durable session wants its deliveries, at this worker. Everything
    /// unacknowledged that was started comes, through the `Deliveries` hook; at once if this node leads the
    /// shard, and again whenever another node begins to.
    pub fn attach(&self, shard: ShardId, session: SessionId, epoch: Epoch, worker: u16) {
        let attachments = &self.shard(shard).attachments;
        attachments.attach(session, epoch, worker);
    }

    /// It wants no more.
    pub fn detach(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        self.shard(shard).attachments.detach(session, epoch);
    }

    /// A will that [`Deliveries::publish_will`] handed out is published.
    pub fn will_done(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        let command = Command::WillDone(WillDone { session, epoch });
        let reply = ReplyTo::None;
        self.submit(shard, vec![Request { command, reply }]);
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
        let reading = async {
            let mut found = Vec::new();
            if filter.contains(['+', '#']) {
                for shard in &self.0.shards {
                    shard.retained(filter, &mut found).await;
                }
            } else {
                let shard = self.0.slots.shard_of(filter.as_bytes());
                self.shard(shard).retained(filter, &mut found).await;
            }
            found
        };
        let reading = tokio::time::timeout(deadline, reading).await;
        reading.map_err(|_| Unavailable::Deadline)
    }

    /// Shard time now, to compute what is left of a delivery's expiry.
    pub fn now(&self, shard: ShardId) -> Millis {
        self.shard(shard).machine.now()
    }

    /// Sums of a shard's state.
    pub fn statistics(&self, shard: ShardId) -> Statistics {
        self.shard(shard).machine.state().shard.statistics()
    }

    /// Numbers of a shard's proposer.
    pub fn proposer_statistics(&self, shard: ShardId) -> ProposerStatistics {
        self.shard(shard).proposer.statistics()
    }

    /// Term, commit and applied of a shard's group.
    pub fn shard_status(&self, shard: ShardId) -> GroupStatus {
        self.shard(shard).group.status()
    }

    /// Term, commit and applied of the control group.
    pub fn control_status(&self) -> GroupStatus {
        self.0.control.status()
    }

    /// Members that have not been removed.
    pub fn members(&self) -> usize {
        let control = self.0.membership.control.borrow();
        let members = control.members();
        members
            .filter(|(_, member)| member.role != Role::Removed)
            .count()
    }

    /// The control state as this node has applied it; changes wake.
    pub fn control(&self) -> watch::Receiver<Arc<Control>> {
        self.0.membership.control.clone()
    }

    /// Who leads the control group as far as this node knows.
    pub fn control_leader(&self) -> watch::Receiver<Option<NodeId>> {
        self.0.control.leader()
    }

    /// The way to the other nodes.
    pub fn peers(&self) -> &Peers {
        &self.0.membership.peers
    }

    /// Whether this node may speak for the cluster.
    pub fn fence(&self) -> &Fence {
        &self.0.membership.fence
    }

    /// Whether and why this life of the node has to end.
    pub fn over(&self) -> watch::Receiver<Option<Over>> {
        self.0.membership.over()
    }

    /// Has a control command committed, here or by the control leader on another node.
    ///
    /// # Errors
    ///
    /// No answer in time; the command may be applied yet.
    pub async fn change(
        &self,
        command: quorate_control::Command,
        deadline: Duration,
    ) -> Result<quorate_control::Outcome, Unavailable> {
        self.0.membership.client.change(command, deadline).await
    }

    /// Members of a group (0 is control, shard n is n + 1); `None` if there is no such group.
    pub fn group_members(&self, group: u32) -> Option<GroupMembers> {
        self.group(group).map(Group::members)
    }

    /// Numbers of a group (0 is control, shard n is n + 1); `None` if there is no such group.
    pub fn group_status(&self, group: u32) -> Option<GroupStatus> {
        self.group(group).map(Group::status)
    }

    /// Asks a voter to lead a group that this node leads; whether it does is seen by watching. `false` if this
    /// node does not lead it, or there is no such group.
    pub async fn transfer(&self, group: u32, to: NodeId) -> bool {
        match self.group(group) {
            Some(group) if *group.leadership().borrow() == Leadership::Leading => {
                group.transfer(to).await;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Hands over every group that this node leads, to be done before it stops.
    pub async fn hand_over_all(&self) {
        members::hand_over_all(&self.0.membership).await;
    }

    fn group(&self, group: u32) -> Option<&Group> {
        self.0.membership.groups.get(usize::try_from(group).ok()?)
    }

    /// The log's counters: syncs and their time, batch sizes, bytes.
    pub fn wal_stats(&self) -> &quorate_wal::Stats {
        self.0.wal.stats()
    }

    /// Whether the disk has room for commands that grow state.
    pub fn has_room(&self) -> bool {
        self.0.wal.has_room()
    }

    /// Finishes what is on its way, as far as that is quick, says goodbye, then ends all groups and the log.
    pub async fn shutdown(&self) {
        let idle = async {
            while !self.0.shards.iter().all(|shard| shard.proposer.is_idle()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_DRAIN, idle).await.is_err() {
            tracing::warn!("commands were still on their way when the groups had to stop");
        }
        self.say_goodbye().await;
        let tasks = self.0.tasks.lock();
        let tasks = std::mem::take(&mut *tasks.unwrap_or_else(std::sync::PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
        for shard in &self.0.shards {
            shard.group.shutdown().await;
        }
        self.0.control.shutdown().await;
        let wal = self.0.wal.clone();
        // Closing waits for the last sync.
        let _ = tokio::task::spawn_blocking(move || wal.close()).await;
    }

    /// Gives the lease back, so that nobody waits for this node.
    async fn say_goodbye(&self) {
        let control = Arc::clone(&self.0.membership.control.borrow());
        let others = control.members().any(|(node, _)| node != self.0.node);
        let over = self.0.membership.over().borrow().is_some();
        if others && !over {
            let life = Life {
                node: self.0.node,
                incarnation: self.0.incarnation,
            };
            let goodbye = quorate_control::Command::EndLease(life);
            // Without an answer the lease runs out by itself.
            let _ = self.change(goodbye, GOODBYE_DEADLINE).await;
        }
    }

    pub(super) fn shard(&self, shard: ShardId) -> &ShardHandle {
        &self.0.shards[usize::from(shard)]
    }
}

/// Groups that are not kept alive.
#[derive(Clone)]
pub(crate) struct WeakGroups(Weak<Inner>);

impl WeakGroups {
    /// The groups, unless they are gone.
    pub(crate) fn upgrade(&self) -> Option<Groups> {
        self.0.upgrade().map(Groups)
    }
}

impl Groups {
    pub(super) fn downgrade(&self) -> WeakGroups {
        WeakGroups(Arc::downgrade(&self.0))
    }
}
