//! The start of all groups, in this order: log, control group (bootstrap if fresh, then this life of the
//! node), shard groups, fencing of earlier lives. Nothing else is decided here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use quorate_control::{Bootstrap, Control, NodeId, Outcome, Refusal, StartNode};
use quorate_shard::{Incarnation, Origin, ReleaseNode, ShardId};
use quorate_wal::{FsDisk, Wal};
use tokio::sync::mpsc;

use super::answers::Answers;
use super::control_machine::ControlMachine;
use super::group::{Group, GroupError, GroupParts, Leadership};
use super::groups::{Groups, Hooks, Inner, Options, Start};
use super::limits::{FORGET_LISTS_MAX, START_TIMEOUT, WAITING_NOTE};
use super::log_store::LogStore;
use super::machine::Machine;
use super::network::Network;
use super::server::RaftServer;
use super::shard_handle::{ShardHandle, ShardParts, Task};
use super::shard_machine::ShardMachine;
use super::snapshot::SnapshotStore;
use super::state_machine::StateMachine;
use super::upkeep;
use crate::data_dir;
use crate::delivery::{Barrier, Dispatcher, Remote};
use crate::members::{self, ControlClient, Membership, Service};
use crate::peers::{Identity, Peers};
use crate::shard_client::Unavailable;

/// The node that begins a cluster.
const FIRST_NODE: NodeId = 1;
/// Version of the durable formats that a fresh cluster notes down.
const FORMAT: u32 = 1;
/// The control group's number in the log; shard n is n + 1.
const CONTROL_GROUP: u32 = 0;

/// Why the groups could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log.
    #[error("the write-ahead log cannot be opened: {0}")]
    Log(#[from] quorate_wal::OpenError),
    /// The directory has an owner, but its log is empty.
    #[error(
        "the data directory belongs to cluster {identity:032x}, but its log is gone; restore wal/ and snapshots/, or start with an empty directory, which makes a new node"
    )]
    LogLost {
        /// The cluster.
        identity: u128,
    },
    /// A file or directory.
    #[error("the data directory cannot be used: {0}")]
    Disk(#[from] std::io::Error),
    /// One group.
    #[error("group {group} cannot be started: {problem}")]
    Group {
        /// 0 is control, shard n is n + 1.
        group: u32,
        /// What is wrong, with all its causes.
        problem: String,
    },
    /// The cluster has let go of this node.
    #[error(
        "this node was removed from its cluster; to take it in again start it with an empty data directory and --join"
    )]
    Removed,
    /// The data directory's notes.
    #[error(transparent)]
    Notes(#[from] data_dir::DataDirError),
    /// The control group refuses what a start needs.
    #[error("the control group refuses this node: {0}")]
    Refused(Refusal),
    /// A group elected no leader, or did not answer.
    #[error("group {group} did not become ready within {START_TIMEOUT:?}")]
    Timeout {
        /// 0 is control, shard n is n + 1.
        group: u32,
    },
}

/// See [`Groups::start`].
pub(super) async fn start(options: Options, hooks: Hooks) -> Result<Groups, StartError> {
    let node = own_id(&options);
    let peers = &options.peers;
    // Known from before: then the others are found before anything is decided together with them.
    if let Some(identity) = options.identity {
        introduce(
            peers,
            identity.cluster_id,
            node,
            first_incarnation(&options),
        );
        let known = data_dir::read_notes(&options.data).members;
        peers.set_members(if known.is_empty() {
            options.known.clone()
        } else {
            known
        });
    }
    let wal = open_log(&options).await?;
    let base = Base {
        server: RaftServer::register(peers, options.data.join("snapshots")),
        options: &options,
        hooks: &hooks,
        wal: &wal,
        node,
        found: options.start == Start::Single && options.identity.is_none(),
    };
    let machine = Arc::new(ControlMachine::default());
    let control = base.start_control(&machine).await?;
    let client = ControlClient::new(control.clone(), peers.clone(), node);
    let service = Service::register(peers, &client, machine.watch());
    bootstrap(&base, &control, &client, &machine).await?;
    let (incarnation, state) = begin_life(&base, &client, &machine).await?;
    let cluster = state.cluster().ok_or(TIMEOUT)?;
    note_life(&options, incarnation)?;
    introduce(peers, cluster.id, node, incarnation);

    let (forget, forgettable) = mpsc::channel(FORGET_LISTS_MAX);
    let starting = (0..cluster.slots.shard_count()).map(|shard| {
        let place = Place {
            base: &base,
            shard,
            incarnation,
        };
        place.start(forget.clone())
    });
    let started = try_join_all(starting).await?;
    let (shards, working): (Vec<_>, Vec<_>) = started.into_iter().unzip();
    let mut all = vec![control.clone()];
    all.extend(shards.iter().map(|shard: &ShardHandle| shard.group.clone()));
    let life = (node, incarnation);
    let groups = Groups(Arc::new(Inner {
        node,
        incarnation,
        cluster_id: cluster.id,
        slots: cluster.slots.clone(),
        wal: wal.clone(),
        control,
        membership: Membership::new(life, client, service, machine.watch(), all),
        shards,
        tasks: Mutex::default(),
    }));
    Answers::register(&groups, Arc::clone(&hooks.deliveries), peers);
    let working = working.into_iter().flatten();
    spawn_tasks(&groups, working, forgettable, options.data.clone());
    if is_alone(&state, node) {
        release_earlier_lives(&groups).await?;
    }
    Ok(groups)
}

/// Noted down before anybody hears of it: the next start must not come with a lower number.
fn note_life(options: &Options, incarnation: Incarnation) -> Result<(), StartError> {
    let mut notes = data_dir::read_notes(&options.data);
    notes.incarnation = incarnation;
    notes.begun = true;
    Ok(data_dir::save_notes(&options.data, &notes)?)
}

fn own_id(options: &Options) -> NodeId {
    match (options.start, options.identity) {
        (Start::Joined(life), _) => life.node,
        (Start::Single, Some(identity)) => identity.node_id,
        (Start::Single, None) => FIRST_NODE,
    }
}

/// What the peers are told before this life has its number: that of the life before.
fn first_incarnation(options: &Options) -> Incarnation {
    match options.start {
        Start::Joined(life) => life.incarnation,
        Start::Single => data_dir::read_notes(&options.data).incarnation,
    }
}

fn introduce(peers: &Peers, cluster: u128, node: NodeId, incarnation: Incarnation) {
    peers.set_identity(Identity {
        cluster,
        node,
        incarnation,
    });
}

fn is_alone(state: &Control, node: NodeId) -> bool {
    state.members().all(|(member, _)| member == node)
}

async fn open_log(options: &Options) -> Result<Wal, StartError> {
    let directory = options.data.join("wal");
    let options = options.wal.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let disk = FsDisk::open(directory)?;
        let (wal, recovered) = Wal::open(Arc::new(disk), options)?;
        if let Some(torn) = recovered.torn {
            tracing::info!(
                file = torn.file,
                offset = torn.offset,
                "the log's torn end was cut off"
            );
        }
        Ok(wal)
    });
    opening.await.map_err(std::io::Error::other)?
}

/// What every group is started with.
struct Base<'a> {
    options: &'a Options,
    hooks: &'a Hooks,
    wal: &'a Wal,
    server: Arc<RaftServer>,
    node: NodeId,
    /// Groups without a log begin with this node alone.
    found: bool,
}

impl Base<'_> {
    async fn start_control(&self, machine: &Arc<ControlMachine>) -> Result<Group, StartError> {
        let as_machine: Arc<dyn Machine> = Arc::clone(machine) as _;
        let group = self.start_group(CONTROL_GROUP, as_machine).await?;
        let again = self.options.start == Start::Single;
        if let (Some(identity), true) = (self.options.identity, again)
            && !group.is_begun().await
            && self.options.begun
        {
            return Err(StartError::LogLost {
                identity: identity.cluster_id,
            });
        }
        Ok(group)
    }

    async fn start_group(
        &self,
        number: u32,
        machine: Arc<dyn Machine>,
    ) -> Result<Group, StartError> {
        let failed = |error: GroupError| StartError::Group {
            group: number,
            problem: chain(&error),
        };
        let directory = self.options.data.join("snapshots");
        let restoring = Arc::clone(&machine);
        let bound = self.options.snapshot_log_bytes;
        let restored =
            tokio::task::spawn_blocking(move || restore(&directory, number, restoring, bound))
                .await;
        let state = restored
            .map_err(std::io::Error::other)
            .and_then(|restored| restored)
            .map_err(|error| failed(GroupError::Restore(error)))?;
        let starting = Group::start(GroupParts {
            number,
            node: self.node,
            found: self.found,
            server: Arc::clone(&self.server),
            network: Network::new(self.options.peers.clone(), number),
            log: LogStore::new(self.wal.clone(), number),
            state,
            machine,
        });
        let (group, alone) = starting.await.map_err(failed)?;
        if alone {
            lead_alone(&group, number).await?;
        }
        Ok(group)
    }
}

/// Nobody else can lead: this node does in a moment.
async fn lead_alone(group: &Group, number: u32) -> Result<(), StartError> {
    let mut leadership = group.leadership();
    let leading = leadership.wait_for(|leadership| *leadership == Leadership::Leading);
    match tokio::time::timeout(START_TIMEOUT, leading).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(StartError::Timeout { group: number }),
    }
}

fn restore(
    directory: &Path,
    group: u32,
    machine: Arc<dyn Machine>,
    log_bytes_max: u64,
) -> std::io::Result<StateMachine> {
    let store = SnapshotStore::open(directory, group)?;
    StateMachine::open(machine, store, log_bytes_max)
}

/// Begins the cluster if that is for this node to do and it has not begun. A second bootstrap is refused, and
/// means that the first came through.
async fn bootstrap(
    base: &Base<'_>,
    control: &Group,
    client: &ControlClient,
    machine: &ControlMachine,
) -> Result<(), StartError> {
    let leads = *control.leadership().borrow() == Leadership::Leading;
    if !leads || machine.watch().borrow().cluster().is_some() {
        return Ok(());
    }
    let command = quorate_control::Command::Bootstrap(Bootstrap {
        cluster_id: base.options.cluster_id,
        shards: base.options.shards,
        format: FORMAT,
    });
    match client.change(command, START_TIMEOUT).await {
        Ok(Outcome::Refused(Refusal::AlreadyBootstrapped) | Outcome::Done) => Ok(()),
        Ok(Outcome::Refused(refusal)) => Err(StartError::Refused(refusal)),
        Ok(Outcome::Started(_) | Outcome::Joined(_) | Outcome::Changed(_)) | Err(_) => Err(TIMEOUT),
    }
}

/// Has this life numbered, which takes a majority of the voters: waits for as long as it takes. Gives the
/// control state with that life in it.
async fn begin_life(
    base: &Base<'_>,
    client: &ControlClient,
    machine: &ControlMachine,
) -> Result<(Incarnation, Arc<Control>), StartError> {
    let incarnation = match base.options.start {
        Start::Joined(life) => life.incarnation,
        Start::Single => start_node(base, client).await?,
    };
    let node = base.node;
    let mut control = machine.watch();
    loop {
        let known = control.wait_for(|control| {
            let member = control.member(node);
            member.is_some_and(|member| member.incarnation >= incarnation)
        });
        match tokio::time::timeout(START_TIMEOUT, known).await {
            Ok(Ok(control)) => return Ok((incarnation, Arc::clone(&control))),
            Ok(Err(_)) => return Err(TIMEOUT),
            Err(_) => tracing::warn!("waiting for the control group's log"),
        }
    }
}

async fn start_node(base: &Base<'_>, client: &ControlClient) -> Result<Incarnation, StartError> {
    let command = quorate_control::Command::StartNode(StartNode {
        node: base.node,
        name: base.options.name.clone(),
        addresses: base.options.addresses.clone(),
    });
    loop {
        match client.change(command.clone(), WAITING_NOTE).await {
            Ok(Outcome::Started(incarnation)) => return Ok(incarnation),
            Ok(Outcome::Refused(Refusal::Unknown)) => return Err(StartError::Removed),
            Ok(Outcome::Refused(refusal)) => return Err(StartError::Refused(refusal)),
            Ok(Outcome::Done | Outcome::Joined(_) | Outcome::Changed(_))
            | Err(Unavailable::Stopped) => return Err(TIMEOUT),
            Err(Unavailable::Deadline) => {
                if members::is_stranger(&base.options.peers) {
                    return Err(StartError::Removed);
                }
                tracing::warn!("waiting for a majority of the voters");
            }
        }
    }
}

/// The control group did not do what it always does.
const TIMEOUT: StartError = StartError::Timeout {
    group: CONTROL_GROUP,
};

/// Where a shard is started.
struct Place<'a> {
    base: &'a Base<'a>,
    shard: ShardId,
    incarnation: Incarnation,
}

impl Place<'_> {
    async fn start(
        self,
        forget: mpsc::Sender<Vec<Origin>>,
    ) -> Result<(ShardHandle, Vec<Task>), StartError> {
        let Base { options, hooks, .. } = self.base;
        let barrier = Arc::new(Barrier::default());
        let deliveries = Arc::clone(&hooks.deliveries);
        let peers = options.peers.clone();
        let remote = Remote::new(self.base.node, peers.clone());
        let dispatcher = Dispatcher::new(Arc::clone(&deliveries), Arc::clone(&barrier), forget)
            .with_remote(Arc::clone(&remote));
        let limits = options.limits;
        let machine = Arc::new(ShardMachine::new(self.shard, limits, dispatcher, barrier));
        let as_machine: Arc<dyn Machine> = Arc::clone(&machine) as _;
        let number = u32::from(self.shard) + 1;
        let group = self.base.start_group(number, as_machine).await?;
        Ok(ShardHandle::new(ShardParts {
            shard: self.shard,
            node: self.base.node,
            incarnation: self.incarnation,
            group,
            machine,
            remote,
            wal: self.base.wal.clone(),
            completions: Arc::clone(&hooks.completions),
            deliveries,
            peers,
        }))
    }
}

fn spawn_tasks(
    groups: &Groups,
    working: impl Iterator<Item = Task>,
    forgettable: mpsc::Receiver<Vec<Origin>>,
    data: PathBuf,
) {
    let mut tasks: Vec<_> = working.map(tokio::spawn).collect();
    tasks.push(tokio::spawn(upkeep::forget(
        Arc::downgrade(&groups.0),
        forgettable,
    )));
    tasks.push(tokio::spawn(upkeep::free_log(Arc::downgrade(&groups.0))));
    tasks.extend(members::spawn(
        &groups.0.membership,
        &groups.downgrade(),
        data,
    ));
    let mut known = groups
        .0
        .tasks
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    known.extend(tasks);
}

/// Sessions that this node held in an earlier life are lost connections: their wills are due.
async fn release_earlier_lives(groups: &Groups) -> Result<(), StartError> {
    let releasing = (0..groups.shard_count()).map(|shard| async move {
        let command = quorate_shard::Command::ReleaseNode(ReleaseNode {
            node: groups.node(),
            before: groups.incarnation(),
        });
        let released = groups.call(shard, command, START_TIMEOUT).await;
        released.map_err(|_| StartError::Timeout {
            group: u32::from(shard) + 1,
        })
    });
    try_join_all(releasing).await?;
    Ok(())
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
