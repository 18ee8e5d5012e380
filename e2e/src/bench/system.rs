//! What is under load: one broker or several nodes, and which client goes where.

use anyhow::Result;

use super::connection::Role;
use crate::endpoint::Endpoint;
use crate::process;

/// Processes that serve the clients of a load together.
#[derive(Debug, Clone)]
pub(super) struct System {
    pub(super) nodes: Vec<Endpoint>,
    pub(super) pids: Vec<u32>,
}

impl System {
    /// Publishers go round the nodes; a publisher's subscriber is with the next node, so that every
    /// message crosses from one to another where there are several.
    pub(super) fn node_of(&self, role: Role) -> Endpoint {
        let place = match role {
            Role::Publisher(index) => index,
            Role::Subscriber(index) => index + 1,
        };
        self.nodes[place % self.nodes.len()]
    }

    /// CPU time of all of them.
    ///
    /// # Errors
    /// When one has ended.
    pub(super) fn cpu_nanoseconds(&self) -> Result<u64> {
        self.pids
            .iter()
            .map(|pid| process::cpu_nanoseconds(*pid))
            .sum()
    }
}
