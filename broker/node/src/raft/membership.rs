//! Members of one group: read, and changed by its leader. Who they should be is decided in `members`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::impls::EmptyNode;
use openraft::{ChangeMembers, Instant as _};
use quorate_control::NodeId;

use super::group::Group;
use super::limits::{CHANGE_TIMEOUT, NEAR_WITHIN};

/// Members of a group as this node knows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupMembers {
    /// Who votes; during a change those before and after.
    pub voters: BTreeSet<NodeId>,
    /// Who keeps a copy without a vote.
    pub learners: BTreeSet<NodeId>,
    /// Whether no change is under way.
    pub settled: bool,
    /// Whether a change is half done: two sets of voters must agree.
    pub joint: bool,
    /// Index of the last entry of this node's log.
    pub last: u64,
    /// Up to which index each member has the log; known to the leader only.
    pub matched: BTreeMap<NodeId, u64>,
    /// Who has acknowledged this leader lately: who is far away does not answer heartbeats in time.
    pub near: BTreeSet<NodeId>,
}

/// A change of a group's members came to nothing, or to something unknown.
#[derive(Debug, thiserror::Error)]
#[error("the members of a group could not be changed: {0}")]
pub(crate) struct ChangeError(String);

impl Group {
    /// The group's members.
    pub(crate) fn members(&self) -> GroupMembers {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let effective = metrics.membership_config.membership();
        let matched = metrics.replication.iter().flatten();
        let acked = metrics.heartbeat.iter().flatten();
        let near = acked.filter(|(_, at)| at.is_some_and(|at| at.elapsed() <= NEAR_WITHIN));
        GroupMembers {
            voters: effective.voter_ids().collect(),
            learners: effective.learner_ids().collect(),
            settled: metrics.membership_config == metrics.committed_membership_config
                && effective.get_joint_config().len() == 1,
            joint: effective.get_joint_config().len() > 1,
            last: metrics.last_log_index.unwrap_or(0),
            matched: matched
                .map(|(node, log_id)| (*node, log_id.as_ref().map_or(0, |id| id.index)))
                .collect(),
            near: near.map(|(node, _)| *node).collect(),
        }
    }

    /// Whether this node belongs to the group, knows its leader, and has applied all that the leader is known
    /// to have committed, up to `lag` entries.
    pub(crate) fn is_caught_up(&self, lag: u64) -> bool {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let known = metrics.membership_config.membership().get_node(&metrics.id);
        let index = |log_id: Option<super::type_config::LogId>| log_id.map_or(0, |id| id.index);
        known.is_some()
            && metrics.current_leader.is_some()
            && index(metrics.last_applied) + lag >= index(metrics.cluster_committed)
    }

    /// Whether this node leads and a quorum confirmed it at most so long ago.
    pub(crate) fn was_confirmed_within(&self, age: Duration) -> bool {
        let leader = self.raft.as_leader();
        let acked = leader.ok().and_then(|leader| leader.last_quorum_acked());
        acked.is_some_and(|at| at.elapsed() <= age)
    }

    /// Whether the group has a log, or waits to be taken in.
    pub(crate) async fn is_begun(&self) -> bool {
        self.raft.is_initialized().await.unwrap_or(true)
    }

    /// Adds a member without a vote.
    pub(crate) async fn add_learner(&self, node: NodeId) -> Result<(), ChangeError> {
        limited(self.raft.add_learner(node, EmptyNode::default(), false)).await
    }

    /// Makes these the voters; all must be members. Who loses its vote stays a member.
    pub(crate) async fn set_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), ChangeError> {
        limited(self.raft.change_membership(voters, true)).await
    }

    /// Takes members without a vote out of the group.
    pub(crate) async fn remove(&self, nodes: BTreeSet<NodeId>) -> Result<(), ChangeError> {
        let change = ChangeMembers::RemoveNodes(nodes);
        limited(self.raft.change_membership(change, true)).await
    }

    /// How long ago a leader asked this node to take the group over, if one did.
    pub(crate) fn handed_over_since(&self) -> Option<Duration> {
        self.server.handed_over_since(self.number)
    }

    /// Asks a voter to lead, if this node does. Whether it does is seen by watching.
    pub(crate) async fn transfer(&self, to: NodeId) {
        if let Err(error) = self.raft.trigger().transfer_leader(to).await {
            tracing::debug!(%error, "a group has stopped and cannot be handed over");
        }
    }
}

async fn limited<T, E: std::fmt::Display>(
    change: impl Future<Output = Result<T, E>>,
) -> Result<(), ChangeError> {
    match tokio::time::timeout(CHANGE_TIMEOUT, change).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(ChangeError(error.to_string())),
        Err(_) => Err(ChangeError(format!("not within {CHANGE_TIMEOUT:?}"))),
    }
}
