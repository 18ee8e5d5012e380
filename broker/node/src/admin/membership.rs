//! What the admin service asks of a node. Implemented by whoever knows the control group; the service
//! itself knows neither Raft nor other nodes.

use std::collections::BTreeMap;

use quorate_control::{Incarnation, NodeId};

/// The cluster and its changes, as one node can tell and bring them about.
///
/// Every call may be made on every node: what only the leader of the control group can do is passed on to
/// it by the implementation, which also sets the time that may take.
#[tonic::async_trait]
pub trait Membership: Send + Sync {
    /// The cluster as this node knows it, with what leaders on other nodes answer in a short time.
    async fn status(&self) -> ClusterStatus;

    /// Makes a new cluster of one out of this node.
    ///
    /// # Errors
    /// It belongs to one already.
    async fn initialise(&self) -> Result<Changed, ChangeError>;

    /// Changes the wanted membership, if it still has the expected revision. Done when the change is
    /// committed in the control group; the other groups converge to it afterwards.
    ///
    /// # Errors
    /// The revision is another one, the change is not allowed, or the leader does not answer.
    async fn change(&self, expected: u64, change: Change) -> Result<Changed, ChangeError>;

    /// Makes a voter the leader of a group (0 is control, shard n is n + 1).
    ///
    /// # Errors
    /// It is no voter of the group, has not caught up, or no leader answers.
    async fn transfer(&self, group: u32, to: NodeId) -> Result<(), ChangeError>;

    /// Begins or ends a drain of a node; answers with the groups that it still leads.
    ///
    /// # Errors
    /// There is no such member, or no leader answers.
    async fn drain(&self, node: NodeId, undo: bool) -> Result<Vec<u32>, ChangeError>;
}

/// A change of the wanted membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Take in the node that waits at this peer address (`HOST:PORT`), as a learner.
    Add(String),
    /// Learner to voter.
    Promote(NodeId),
    /// Voter to learner.
    Demote(NodeId),
    /// Out for good.
    Remove(NodeId),
}

/// What a change has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// Revision of the membership now.
    pub revision: u64,
    /// The node it was about.
    pub node: NodeId,
}

/// Why a change was not made. Each sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Somebody else was faster.
    #[error(
        "the membership has changed meanwhile: its revision is {current}; look at the status and decide again"
    )]
    Stale {
        /// The revision now.
        current: u64,
    },
    /// The node belongs to no cluster.
    #[error(
        "this node belongs to no cluster yet: quorate admin init makes one, add takes it into another"
    )]
    NotInitialised,
    /// The node belongs to a cluster.
    #[error("this node belongs to cluster {cluster:032x} already")]
    AlreadyInitialised {
        /// Which one.
        cluster: u128,
    },
    /// No such member.
    #[error("node {0} is no member; quorate admin status shows who is")]
    UnknownNode(NodeId),
    /// No such group.
    #[error("there is no group {0}; quorate admin status shows which there are")]
    UnknownGroup(u32),
    /// Not now, or not at all.
    #[error("{0}")]
    Refused(String),
    /// The leader cannot be reached, or there is none; the change was not made.
    #[error("no leader answers; is a majority of the voters running? Nothing was changed")]
    NoLeader,
    /// It may have been made or not.
    #[error("no answer came in time; the change may still have been made: look at the status")]
    Unknown,
}

/// What a member takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gets the log, has no vote.
    Learner,
    /// Votes and may lead.
    Voter,
}

/// See `StatusReply` in `admin.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterStatus {
    /// The cluster; `None` before the node belongs to one.
    pub cluster: Option<u128>,
    /// The node asked; 0 before it belongs to a cluster.
    pub node: NodeId,
    /// Revision of the wanted membership.
    pub revision: u64,
    /// All members, by id.
    pub members: Vec<MemberView>,
    /// All groups, by number.
    pub groups: Vec<GroupView>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub node: NodeId,
    /// What it is wanted to be.
    pub role: Role,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Whether it holds its lease, as far as the control state tells.
    pub lease_held: bool,
    /// Where nodes reach it.
    pub peer_address: String,
    /// Where clients reach it.
    pub client_address: String,
    /// Whether it is being emptied.
    pub draining: bool,
}

/// One group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupView {
    /// 0 is control, shard n is n + 1.
    pub group: u32,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Its term.
    pub term: u64,
    /// Last committed entry.
    pub committed: u64,
    /// Last entry applied here.
    pub applied: u64,
    /// Who votes.
    pub voters: Vec<NodeId>,
    /// Who follows only.
    pub learners: Vec<NodeId>,
    /// Entries that each member is behind; empty unless the leader has told.
    pub lags: BTreeMap<NodeId, u64>,
}
