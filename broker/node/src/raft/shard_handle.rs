//! One shard on this node: its group and everything that works for it.

use std::sync::Arc;

use futures::future::BoxFuture;
use quorate_shard::{Incarnation, NodeId, ShardId};
use quorate_wal::Wal;

use super::group::Group;
use super::shard_machine::ShardMachine;
use crate::delivery::{Attachments, Deliveries, Remote};
use crate::peers::Peers;
use crate::shard_client::{Completions, Intake, Proposer, ProposerParts};

/// See the module.
pub(super) struct ShardHandle {
    pub(super) shard: ShardId,
    pub(super) group: Group,
    pub(super) machine: Arc<ShardMachine>,
    pub(super) proposer: Arc<Proposer>,
    pub(super) intake: Intake,
    pub(super) attachments: Arc<Attachments>,
    pub(super) peers: Peers,
}

/// What a shard is made of.
pub(super) struct ShardParts {
    pub(super) shard: ShardId,
    pub(super) node: NodeId,
    pub(super) incarnation: Incarnation,
    pub(super) group: Group,
    pub(super) machine: Arc<ShardMachine>,
    /// The one its dispatcher has.
    pub(super) remote: Arc<Remote>,
    pub(super) wal: Wal,
    pub(super) completions: Arc<dyn Completions>,
    pub(super) deliveries: Arc<dyn Deliveries>,
    pub(super) peers: Peers,
}

/// What works for a shard until it is aborted.
pub(super) type Task = BoxFuture<'static, ()>;

impl ShardHandle {
    /// Puts the parts together. The tasks are to be spawned.
    pub(super) fn new(parts: ShardParts) -> (Self, Vec<Task>) {
        let ShardParts {
            shard,
            node,
            incarnation,
            group,
            machine,
            remote,
            wal,
            completions,
            deliveries,
            peers,
        } = parts;
        let proposer = Arc::new(Proposer::new(ProposerParts {
            shard,
            node,
            incarnation,
            group: group.clone(),
            machine: Arc::clone(&machine),
            wal,
            completions,
            peers: peers.clone(),
        }));
        let (intake, taking_in) = Intake::new(group.clone(), Arc::clone(&machine));
        let attachments = Attachments::new(
            shard,
            group.clone(),
            Arc::clone(&machine),
            deliveries,
            peers.clone(),
        );
        let tasks: Vec<Task> = vec![
            Box::pin(Arc::clone(&proposer).run()),
            Box::pin(taking_in),
            Box::pin(Arc::clone(&attachments).run()),
            Box::pin(remote.make_up(Arc::downgrade(&machine))),
        ];
        let handle = Self {
            shard,
            group,
            machine,
            proposer,
            intake,
            attachments,
            peers,
        };
        (handle, tasks)
    }
}
