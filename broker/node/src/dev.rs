//! A cluster on this machine, to try things out: several nodes as child processes on loopback. Restarts
//! nothing by itself: what happens to a node is news, and for people to see.

mod ports;

use std::path::PathBuf;

pub use ports::Ports;

/// Nodes at most: the design's bound on voters.
pub const NODES_MAX: u16 = 7;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Nodes, 2 to [`NODES_MAX`].
    pub nodes: u16,
    /// Parent of the nodes' data directories.
    pub data: PathBuf,
    /// MQTT port of node 1.
    pub base_port: u16,
}

/// Runs the nodes until a signal ends them.
///
/// # Errors
/// Whatever keeps them from starting, as a sentence.
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    anyhow::bail!("{} nodes are not built yet", plan.nodes)
}
