//! What `quorate admin` is asked to do.

use crate::config::MutualTlsFiles;

/// One question and whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Admin address of a node, `HOST:PORT`.
    pub to: String,
    /// `None` speaks in the clear.
    pub tls: Option<MutualTlsFiles>,
    /// What to ask.
    pub question: Question,
}

/// See the service in `admin.proto`. `expected` is the membership's revision that a change is made
/// against; `None` is the one that the node has at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of admin.proto")]
pub enum Question {
    /// Show the cluster, as a table or as JSON.
    Status { json: bool },
    /// Make a cluster.
    Initialise,
    /// Take in the node that waits behind this admin address.
    Add { address: String },
    /// Make a learner a voter.
    Promote { node: u64, expected: Option<u64> },
    /// Make a voter a learner.
    Demote { node: u64, expected: Option<u64> },
    /// Take a member out.
    Remove { node: u64, expected: Option<u64> },
    /// Move a group's leader.
    Transfer { group: u32, node: u64 },
    /// Empty a node, or end that.
    Drain { node: u64, undo: bool },
}
