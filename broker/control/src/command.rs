//! Every change of the control state, and what each came to.

/// A node of the cluster: the log index of the command that first started it; never reused.
pub type NodeId = u64;
/// One life of a node's process: the log index of the command that started it.
pub type Incarnation = u64;
/// Index of a shard group.
pub type ShardId = u16;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The cluster begins; the first command of every control log.
    Bootstrap(Bootstrap),
    /// A node's process starts. Its incarnation is the index of this command.
    StartNode(StartNode),
    // Leases (`EndLease`, `Suspend`), the wanted membership (`SetMembership`), moving slots (`MoveSlots`) and
    // users and ACLs (`SetAccess`) come with the issues that need more than one node.
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

/// See [`Command::StartNode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartNode {
    /// The node.
    pub node: NodeId,
    /// Where peers reach it; empty while it is alone.
    pub peer_address: String,
    /// Where clients reach it, for redirects; empty while it is alone.
    pub client_address: String,
}

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The node's new life.
    Started(Incarnation),
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
}
