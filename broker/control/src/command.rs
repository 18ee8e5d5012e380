//! Every change of the control state, and what each came to.

/// A node of the cluster: the log index of the command that first started it; never reused.
pub type NodeId = u64;
/// One life of a node's process: the log index of the command that started it.
pub type Incarnation = u64;
/// Index of a shard group.
pub type ShardId = u16;
/// Version of the wanted membership: the log index of its last change.
pub type Revision = u64;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The cluster begins; the first command of every control log.
    Bootstrap(Bootstrap),
    /// A node with an empty disk asks to be taken. Its id and its first incarnation are the index of this
    /// command.
    Join(Join),
    /// A member's process starts. Its incarnation is the index of this command; older ones are fenced.
    StartNode(StartNode),
    /// Another role is wanted for a member.
    SetRole(SetRole),
    /// Every group has let go of a member that is leaving.
    Left(Left),
    /// A life of a node has lost its lease for good: it did not renew, or it said goodbye.
    EndLease(Life),
    /// A life of a node may not go on, since it cannot reach another live one: its lease ends, and later
    /// lives get none until it is resumed.
    Suspend(Life),
    /// A suspended node reaches all others again.
    Resume(NodeId),
    /// Whether a node is to lead no group.
    SetDraining(SetDraining),
}

/// See [`Command::Bootstrap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Given by the first node; random, so that strangers' data is recognised.
    pub cluster_id: u128,
    /// Number of shard groups, fixed for the cluster's life.
    pub shards: ShardId,
    /// Version of the durable formats.
    pub format: u32,
}

/// Where a node is reached; empty texts where it is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// By its peers.
    pub peer: String,
    /// By clients, for redirects.
    pub client: String,
    /// By operators.
    pub admin: String,
}

/// See [`Command::Join`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Drawn at random by the node for this joining: a repeat gets the same id.
    pub token: u128,
    /// What people call the node.
    pub name: String,
    /// Where it is reached.
    pub addresses: Addresses,
    /// Whether it becomes a voter by itself once it has caught up.
    pub promote: bool,
}

/// See [`Command::StartNode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartNode {
    /// The node.
    pub node: NodeId,
    /// What people call it.
    pub name: String,
    /// Where it is reached in this life.
    pub addresses: Addresses,
}

/// See [`Command::SetRole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetRole {
    /// The member.
    pub node: NodeId,
    /// What it is to become.
    pub role: WantedRole,
    /// The membership that the caller has seen; any other refuses the change.
    pub expected: Revision,
}

/// A role that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedRole {
    /// Keeps a copy and has no vote.
    Learner,
    /// Keeps a copy and votes.
    Voter,
    /// Keeps nothing: it is taken out of all groups.
    Gone,
}

/// See [`Command::Left`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// The member.
    pub node: NodeId,
    /// The membership that all groups have reached.
    pub expected: Revision,
}

/// One life of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    /// The node.
    pub node: NodeId,
    /// The life.
    pub incarnation: Incarnation,
}

/// See [`Command::SetDraining`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetDraining {
    /// The member.
    pub node: NodeId,
    /// Whether it is to lead nothing.
    pub draining: bool,
}

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The node's new life.
    Started(Incarnation),
    /// The node is taken; a repeat gives the id and the life of the first time.
    Joined(Life),
    /// The membership has this version now.
    Changed(Revision),
    /// Refused; nothing was changed.
    Refused(Refusal),
}

/// Why a command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A second bootstrap.
    #[error("the cluster has begun already")]
    AlreadyBootstrapped,
    /// A command before the bootstrap.
    #[error("the cluster has not begun")]
    NotBootstrapped,
    /// The number of shards is zero or above that of slots.
    #[error("a cluster has between 1 and 1024 shards")]
    ShardCount,
    /// A node id of zero, or more members than the bound.
    #[error("the member cannot be taken")]
    Member,
    /// No such member, or one that was removed.
    #[error("the node is no member of this cluster, or was removed from it")]
    Unknown,
    /// The membership is another one than the caller has seen.
    #[error("the membership has changed since: it is at revision {current}")]
    Stale {
        /// Its present version.
        current: Revision,
    },
    /// The life is not the node's present one.
    #[error("the node has begun a later life")]
    OldIncarnation,
    /// A live member answers at the address.
    #[error("another live member has this peer address")]
    AddressTaken,
    /// The last voter cannot go, and a leaving member cannot come back.
    #[error("the role cannot be changed: the last voter must stay, a leaving member must leave")]
    Role,
}
