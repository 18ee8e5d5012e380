//! The start of all groups, in this order: log, control group (bootstrap if fresh, then this life of the
//! node), shard groups, fencing of earlier lives. Nothing else is decided here.

use std::path::Path;
use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use quorate_control::{Bootstrap, NodeId, SlotMap, StartNode};
use quorate_shard::{Incarnation, Origin, ReleaseNode, ShardId};
use quorate_wal::{FsDisk, Wal};
use tokio::sync::{mpsc, oneshot};

use super::control_machine::ControlMachine;
use super::group::{Group, GroupError, GroupParts, Leadership, ProposeError};
use super::groups::{Groups, Hooks, Inner, Options, ShardHandle};
use super::limits::{FORGET_LISTS_MAX, PROPOSE_RETRY, START_TIMEOUT};
use super::log_store::LogStore;
use super::machine::{Machine, Reply};
use super::network::Network;
use super::shard_machine::ShardMachine;
use super::snapshot::SnapshotStore;
use super::state_machine::StateMachine;
use super::upkeep;
use crate::convert;
use crate::delivery::{Barrier, Dispatcher};
use crate::shard_client::{Proposer, ProposerParts};

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
    /// The control group refuses what a start needs.
    #[error("the control group refuses this node: {0}")]
    Refused(quorate_control::Refusal),
    /// A group elected no leader, or did not answer.
    #[error("group {group} did not become ready within {START_TIMEOUT:?}")]
    Timeout {
        /// 0 is control, shard n is n + 1.
        group: u32,
    },
}

/// See [`Groups::start`].
pub(super) async fn start(options: Options, hooks: Hooks) -> Result<Groups, StartError> {
    let wal = open_log(&options).await?;
    let control_machine = Arc::new(ControlMachine::default());
    let machine: Arc<dyn Machine> = Arc::clone(&control_machine) as _;
    let control = start_group(&options, &wal, CONTROL_GROUP, machine).await?;
    let (cluster_id, slots) = bootstrap(&control, &control_machine, &options).await?;
    let incarnation = start_node(&control).await?;

    let (forget, forgettable) = mpsc::channel(FORGET_LISTS_MAX);
    let starting = (0..slots.shard_count()).map(|shard| {
        let place = Place {
            options: &options,
            hooks: &hooks,
            wal: &wal,
            shard,
            incarnation,
        };
        place.start(forget.clone())
    });
    let shards = try_join_all(starting).await?;
    let groups = Groups(Arc::new(Inner {
        node: FIRST_NODE,
        incarnation,
        cluster_id,
        slots,
        wal,
        control,
        control_machine,
        shards,
        tasks: Mutex::default(),
    }));
    spawn_tasks(&groups, forgettable);
    release_earlier_lives(&groups).await?;
    Ok(groups)
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

async fn start_group(
    options: &Options,
    wal: &Wal,
    number: u32,
    machine: Arc<dyn Machine>,
) -> Result<Group, StartError> {
    let failed = |error: GroupError| StartError::Group {
        group: number,
        problem: chain(&error),
    };
    let directory = options.data.join("snapshots");
    let restoring = Arc::clone(&machine);
    let bound = options.snapshot_log_bytes;
    let restored =
        tokio::task::spawn_blocking(move || restore(&directory, number, restoring, bound)).await;
    let state = restored
        .map_err(std::io::Error::other)
        .and_then(|restored| restored)
        .map_err(|error| failed(GroupError::Restore(error)))?;
    let starting = Group::start(GroupParts {
        name: format!("group-{number}"),
        node: FIRST_NODE,
        network: Network::new(options.peers.clone(), number),
        log: LogStore::new(wal.clone(), number),
        state,
        machine,
    });
    let group = starting.await.map_err(failed)?;
    let mut leadership = group.leadership();
    let leading = leadership.wait_for(|leadership| *leadership == Leadership::Leading);
    match tokio::time::timeout(START_TIMEOUT, leading).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) | Err(_) => return Err(StartError::Timeout { group: number }),
    }
    Ok(group)
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

/// Begins the cluster if it has not begun. Whose it is, and its slot map.
async fn bootstrap(
    control: &Group,
    machine: &ControlMachine,
    options: &Options,
) -> Result<(u128, SlotMap), StartError> {
    // What the log holds must be applied before it is judged.
    let confirmed = async {
        while control.linearize().await.is_err() {
            tokio::time::sleep(PROPOSE_RETRY).await;
        }
    };
    let timeout = |_| StartError::Timeout {
        group: CONTROL_GROUP,
    };
    tokio::time::timeout(START_TIMEOUT, confirmed)
        .await
        .map_err(timeout)?;
    if machine.state().cluster().is_none() {
        if let Some(identity) = options.identity {
            return Err(StartError::LogLost { identity });
        }
        let command = quorate_control::Command::Bootstrap(Bootstrap {
            cluster_id: options.cluster_id,
            shards: options.shards,
            format: FORMAT,
        });
        control_call(control, command).await?;
    }
    let state = machine.state();
    let cluster = state.cluster().ok_or(StartError::Timeout {
        group: CONTROL_GROUP,
    })?;
    Ok((cluster.id, cluster.slots.clone()))
}

async fn start_node(control: &Group) -> Result<Incarnation, StartError> {
    let command = quorate_control::Command::StartNode(StartNode {
        node: FIRST_NODE,
        peer_address: String::new(),
        client_address: String::new(),
    });
    match control_call(control, command).await? {
        quorate_control::Outcome::Started(incarnation) => Ok(incarnation),
        quorate_control::Outcome::Done | quorate_control::Outcome::Refused(_) => {
            Err(StartError::Timeout {
                group: CONTROL_GROUP,
            })
        }
    }
}

/// One control command. Trying it again after an unknown outcome is harmless: a second bootstrap is
/// refused and means that the first came through, a second start is a later life.
async fn control_call(
    control: &Group,
    command: quorate_control::Command,
) -> Result<quorate_control::Outcome, StartError> {
    let bytes = convert::encode_control(command);
    let timeout = StartError::Timeout {
        group: CONTROL_GROUP,
    };
    let until = tokio::time::Instant::now() + START_TIMEOUT;
    while tokio::time::Instant::now() < until {
        let (told, answer) = oneshot::channel();
        let done = move |result: Result<Reply, ProposeError>| {
            let _ = told.send(result);
        };
        control.propose(bytes.clone(), done).await;
        match answer.await {
            Ok(Ok(Reply::Control(quorate_control::Outcome::Refused(refusal)))) => {
                return match refusal {
                    quorate_control::Refusal::AlreadyBootstrapped => {
                        Ok(quorate_control::Outcome::Done)
                    }
                    quorate_control::Refusal::NotBootstrapped
                    | quorate_control::Refusal::ShardCount
                    | quorate_control::Refusal::Member => Err(StartError::Refused(refusal)),
                };
            }
            Ok(Ok(Reply::Control(outcome))) => return Ok(outcome),
            Ok(Err(ProposeError::Refused | ProposeError::Unknown)) => {
                tokio::time::sleep(PROPOSE_RETRY).await;
            }
            Ok(Ok(Reply::None | Reply::Shard(_)) | Err(ProposeError::Stopped)) | Err(_) => {
                return Err(timeout);
            }
        }
    }
    Err(timeout)
}

/// Where a shard is started.
struct Place<'a> {
    options: &'a Options,
    hooks: &'a Hooks,
    wal: &'a Wal,
    shard: ShardId,
    incarnation: Incarnation,
}

impl Place<'_> {
    async fn start(self, forget: mpsc::Sender<Vec<Origin>>) -> Result<ShardHandle, StartError> {
        let barrier = Arc::new(Barrier::default());
        let deliveries = Arc::clone(&self.hooks.deliveries);
        let dispatcher = Dispatcher::new(deliveries, Arc::clone(&barrier), forget);
        let limits = self.options.limits;
        let machine = Arc::new(ShardMachine::new(self.shard, limits, dispatcher, barrier));
        let as_machine: Arc<dyn Machine> = Arc::clone(&machine) as _;
        let number = u32::from(self.shard) + 1;
        let group = start_group(self.options, self.wal, number, as_machine).await?;
        let proposer = Proposer::new(ProposerParts {
            shard: self.shard,
            node: FIRST_NODE,
            incarnation: self.incarnation,
            group: group.clone(),
            machine: Arc::clone(&machine),
            wal: self.wal.clone(),
            completions: Arc::clone(&self.hooks.completions),
        });
        Ok(ShardHandle {
            group,
            machine,
            proposer: Arc::new(proposer),
        })
    }
}

fn spawn_tasks(groups: &Groups, forgettable: mpsc::Receiver<Vec<Origin>>) {
    let proposers = groups.0.shards.iter();
    let mut tasks: Vec<_> = proposers
        .map(|shard| tokio::spawn(Arc::clone(&shard.proposer).run()))
        .collect();
    tasks.push(tokio::spawn(upkeep::forget(
        Arc::downgrade(&groups.0),
        forgettable,
    )));
    tasks.push(tokio::spawn(upkeep::free_log(Arc::downgrade(&groups.0))));
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
