//! What the admin service asks of a node. Implemented by whoever knows the control group; the service
//! itself knows neither Raft nor other nodes.

use std::collections::BTreeMap;

use quorate_control::{Incarnation, NodeId};

/// The cluster and its changes, as one member can tell and bring them about.
///
/// What only the leader of the control group can do is passed on to it by the implementation, which also
/// sets the time that may take.
#[tonic::async_trait]
pub trait ClusterAccess: Send + Sync {
    /// The cluster as this node knows it.
    fn status(&self) -> ClusterStatus;

    /// Changes the wanted membership, if it still has the expected revision. Done when the change is
    /// committed in the control group; the other groups converge to it afterwards.
    ///
    /// # Errors
    /// The revision is another one, the change is not allowed, or the leader does not answer.
    async fn change(&self, expected: u64, change: Change) -> Result<Changed, ChangeError>;

    /// Makes a voter the leader of a group (0 is control, shard n is n + 1) that this node leads.
    ///
    /// # Errors
    /// This node does not lead it, or the other one cannot.
    async fn transfer(&self, group: u32, to: NodeId) -> Result<(), ChangeError>;

    /// Begins or ends a drain of a node. Done when it is committed.
    ///
    /// # Errors
    /// There is no such member, or no leader answers.
    async fn drain(&self, node: NodeId, undo: bool) -> Result<(), ChangeError>;
}

/// A change of the wanted membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
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
    /// The node belongs to no cluster yet.
    #[error("this node belongs to no cluster yet")]
    NotMember,
    /// The node belongs to a cluster, or is about to.
    #[error(
        "this node does not wait to be told: it belongs to a cluster, or is on its way into one"
    )]
    NotWaiting,
    /// The node waits, and not since the caller has looked.
    #[error("this node has begun to wait anew meanwhile; look at the status and decide again")]
    OtherTicket,
    /// No such member.
    #[error("node {0} is no member; quorate admin status shows who is")]
    UnknownNode(NodeId),
    /// No such group.
    #[error("there is no group {0}; quorate admin status shows which there are")]
    UnknownGroup(u32),
    /// Only the group's leader can do it.
    #[error("this node does not lead group {group}; {}", match leader {
        Some(leader) => format!("node {leader} does"),
        None => "nobody does at the moment".to_owned(),
    })]
    NotLeader {
        /// The group.
        group: u32,
        /// Who does, as far as is known.
        leader: Option<NodeId>,
    },
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
    /// On its way out of all groups.
    Leaving,
}

/// See `StatusReply` in `admin.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterStatus {
    /// The cluster.
    pub cluster: u128,
    /// The node asked.
    pub node: NodeId,
    /// Whether it holds its lease.
    pub lease_held: bool,
    /// Revision of the wanted membership.
    pub revision: u64,
    /// All members, by id; removed ones are not among them.
    pub members: Vec<MemberView>,
    /// All groups, by number.
    pub groups: Vec<GroupView>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    /// What it is wanted to be.
    pub role: Role,
    /// Its present life.
    pub incarnation: Incarnation,
    /// Whether that life may hold a lease.
    pub live: bool,
    /// Whether it has to stay away since it cannot reach another live node.
    pub suspended: bool,
    /// Whether it is to lead nothing.
    pub draining: bool,
    /// Where nodes reach it.
    pub peer_address: String,
    /// Where clients reach it.
    pub client_address: String,
    /// Where operators reach it.
    pub admin_address: String,
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
