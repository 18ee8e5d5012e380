//! A member and the wanted membership. Reads only; changes are `change`.

use std::collections::BTreeSet;

use crate::command::{Addresses, Incarnation, NodeId, Revision};

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its present life.
    pub incarnation: Incarnation,
    /// What people call it.
    pub name: String,
    /// Where it is reached.
    pub addresses: Addresses,
    /// What it is to be in every group.
    pub role: Role,
    /// Whether its present life has lost its lease for good.
    pub lease_ended: bool,
    /// Whether it gets no lease since it cannot reach another live node.
    pub suspended: bool,
    /// Whether it is to lead nothing.
    pub draining: bool,
    /// Whether it becomes a voter by itself once it has caught up.
    pub promote: bool,
    /// What it drew when it joined; 0 for the first node.
    pub token: u128,
}

impl Member {
    /// Whether its present life may hold a lease: then others wait for it.
    pub fn is_live(&self) -> bool {
        !self.lease_ended && !self.suspended && self.role != Role::Removed
    }
}

/// What a member is to be in every group. The groups converge to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Keeps a copy and has no vote.
    Learner,
    /// Keeps a copy and votes.
    Voter,
    /// On its way out of all groups.
    Leaving,
    /// In no group any more; remembered so that it can be told.
    Removed,
}

/// The membership that all groups are to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its version.
    pub revision: Revision,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who keeps a copy without a vote.
    pub learners: BTreeSet<NodeId>,
}
