//! The membership planner: from what is wanted and what was seen to the one next step, and to what people are
//! told. A pure function: no clock, no client. It never acts on what it has not seen.
//!
//! Whoever carries a step out looks again before the next one. A step may be carried out twice, late, or
//! not at all, and by two operators at once: each is guarded where it is done (a revision, a node that
//! waits, the Kubernetes object's version), never by what the planner remembers, since it remembers nothing.

mod authority;
mod begin;
mod change;
mod drain;
mod observed;
#[cfg(test)]
mod simulation;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::finding::{Finding, Holds};
pub use observed::{GroupTold, MemberTold, NodeId, Observed, PodSeen, PodState, Role, Told, View};
pub use summary::{MemberLine, Summary};

use authority::Authority;

/// What is to be done next, and what is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The one next step.
    pub next: Next,
    /// Condition `QuorumHealthy`.
    pub quorum: Finding,
    /// Condition `MembershipStable`.
    pub membership: Finding,
    /// The cluster for the status.
    pub summary: Summary,
    /// What the cluster says about each pod, by pod name.
    pub standing: BTreeMap<String, Standing>,
}

/// A step. Pods are given by their place in [`Observed::pods`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// All is as wanted.
    Nothing,
    /// Something must happen first that the operator does not do; [`Plan::membership`] says what.
    Wait,
    /// It cannot go on by itself; [`Plan::membership`] or [`Plan::quorum`] says what a person has to do.
    Stuck,
    /// Write this cluster id into the resource's status, with the version of the resource that was read.
    Record {
        /// 32 hexadecimal digits.
        cluster: String,
    },
    /// Make a new cluster of this pod's node.
    Initialise {
        /// Which.
        pod: usize,
        /// The wait that was seen; a node that has begun to wait anew refuses.
        ticket: String,
    },
    /// Make this pod's node join as a learner.
    Add {
        /// Which.
        pod: usize,
        /// The wait that was seen; a node that has begun to wait anew refuses.
        ticket: String,
        /// Peer addresses of members that it asks.
        members: Vec<String>,
    },
    /// Make a learner a voter.
    Promote(Target),
    /// Take a member out for good.
    Remove(Target),
    /// Move leaders away from a member whose pod is ending.
    Drain(Target),
    /// Let a member lead again.
    Undrain(Target),
}

/// A member that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The pod to ask.
    pub via: usize,
    /// The member.
    pub node: NodeId,
    /// What people call it: its pod, or its address.
    pub name: String,
    /// Revision that was seen.
    pub expected: u64,
}

/// What the cluster says about a pod's member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is a live member: clients may be sent there if the pod is ready.
    Live,
    /// It is no member, or the cluster has given its life up.
    Dead,
    /// Nobody who knows can be asked.
    Unknown,
}

impl Next {
    /// One word for events and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Wait => "wait",
            Self::Stuck => "stuck",
            Self::Record { .. } => "record",
            Self::Initialise { .. } => "initialise",
            Self::Add { .. } => "add",
            Self::Promote(_) => "promote",
            Self::Remove(_) => "remove",
            Self::Drain(_) => "drain",
            Self::Undrain(_) => "undrain",
        }
    }
}

impl Plan {
    /// When to look again if no object changes meanwhile. Looking costs no write.
    pub fn look_again(&self) -> Duration {
        match self.next {
            Next::Nothing => Duration::from_secs(10),
            Next::Stuck => Duration::from_secs(5),
            Next::Wait => Duration::from_secs(1),
            Next::Record { .. }
            | Next::Initialise { .. }
            | Next::Add { .. }
            | Next::Promote(_)
            | Next::Remove(_)
            | Next::Drain(_)
            | Next::Undrain(_) => Duration::ZERO,
        }
    }

    /// Whether the cluster has the members that are wanted and can spare one of them: only then may a pod be
    /// evicted or ended on purpose.
    pub fn is_stable(&self) -> bool {
        self.quorum.holds == Holds::True && self.membership.holds == Holds::True
    }
}

/// Plans.
pub fn plan(observed: &Observed) -> Plan {
    let Some(cluster) = &observed.cluster else {
        return begin::begin(observed);
    };
    match Authority::find(observed, cluster) {
        Ok(authority) => {
            let standing = authority.standings(observed);
            let quorum = authority.quorum(observed);
            let (next, membership) = change::change(observed, &authority);
            Plan {
                next,
                quorum,
                membership,
                summary: summary::summarise(observed, &authority),
                standing,
            }
        }
        Err(missing) => missing.plan(observed, cluster),
    }
}

/// Nobody knows about any pod.
fn unknown_standings(observed: &Observed) -> BTreeMap<String, Standing> {
    let pods = observed.pods.iter();
    pods.map(|pod| (pod.name.clone(), Standing::Unknown))
        .collect()
}
