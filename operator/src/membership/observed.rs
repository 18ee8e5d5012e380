//! What the planner sees: plain values, free of Kubernetes and protobuf types.

use std::collections::{BTreeMap, BTreeSet};

/// A node's id, given once by the cluster.
pub type NodeId = u64;

/// Everything the planner decides by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Wanted number of voters; odd.
    pub voters: usize,
    /// The cluster id that the resource's status remembers, or the marks of its volumes' claims.
    pub cluster: Option<String>,
    /// Every ordinal that is wanted, or has a pod, or has a volume; in order. One that is missing here does
    /// not exist for the planner, and a volume that it does not know of could hold a cluster.
    pub pods: Vec<PodSeen>,
}

/// One ordinal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSeen {
    /// Its number.
    pub ordinal: usize,
    /// The pod's name, also when there is no pod.
    pub name: String,
    /// What the node there tells others to dial: `HOST:PORT`.
    pub peer_address: String,
    /// The pod as Kubernetes tells.
    pub state: PodState,
    /// What the node in it tells.
    pub told: Told,
}

/// A pod as Kubernetes tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodState {
    /// There is none.
    Absent,
    /// It does not run yet; why, for people (may be empty).
    Pending(String),
    /// Its container runs.
    Running,
    /// It is being deleted.
    Ending,
}

/// What a node says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It could not be asked; why, for people (may be empty).
    Silent(String),
    /// Its volume is empty and it waits to be told what to do.
    Waiting {
        /// Names this wait, so that a decision reaches no other.
        ticket: String,
    },
    /// It opens its log, or is on its way into a cluster.
    Starting,
    /// It is a member, and this is what it knows.
    Member(Box<View>),
}

/// A cluster as one of its members knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// 32 hexadecimal digits.
    pub cluster: String,
    /// Who tells.
    pub node: NodeId,
    /// Whether it holds its lease: then a majority has confirmed it within seconds.
    pub lease_held: bool,
    /// Revision of the wanted membership.
    pub revision: u64,
    /// Members, by id.
    pub members: BTreeMap<NodeId, MemberTold>,
    /// Groups, by number; 0 is control.
    pub groups: BTreeMap<u32, GroupTold>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberTold {
    /// What it is wanted to be.
    pub role: Role,
    /// Whether its present life may hold a lease.
    pub live: bool,
    /// Whether it is to lead nothing.
    pub draining: bool,
    /// What other nodes dial.
    pub peer_address: String,
}

/// What a member takes part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Has the log, has no vote.
    Learner,
    /// Votes.
    Voter,
    /// On its way out.
    Leaving,
}

/// A Raft group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupTold {
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Term.
    pub term: u64,
    /// Last entry known to be committed.
    pub committed: u64,
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who follows only.
    pub learners: BTreeSet<NodeId>,
    /// Entries that members lack; known to the leader only.
    pub lags: BTreeMap<NodeId, u64>,
}

impl Observed {
    /// The pod that others reach under an address.
    pub(super) fn at(&self, peer_address: &str) -> Option<&PodSeen> {
        let mut pods = self.pods.iter();
        pods.find(|pod| pod.peer_address == peer_address)
    }

    /// What people call a member: its pod, or where it is.
    pub(super) fn name_of(&self, node: NodeId, member: &MemberTold) -> String {
        match self.at(&member.peer_address) {
            Some(pod) => pod.name.clone(),
            None => format!("node {node} at {}", member.peer_address),
        }
    }

    /// Members that answer for a cluster, with the places of their pods.
    pub(super) fn views<'a>(
        &'a self,
        cluster: &'a str,
    ) -> impl Iterator<Item = (usize, &'a View)> + 'a {
        let pods = self.pods.iter().enumerate();
        pods.filter_map(move |(place, pod)| match &pod.told {
            Told::Member(view) if view.cluster == cluster => Some((place, &**view)),
            Told::Member(_) | Told::Silent(_) | Told::Waiting { .. } | Told::Starting => None,
        })
    }

    /// Names of the pods that a rule is true for.
    pub(super) fn names(&self, is: impl Fn(&PodSeen) -> bool) -> Vec<String> {
        let pods = self.pods.iter().filter(|pod| is(pod));
        pods.map(|pod| pod.name.clone()).collect()
    }
}

impl PodSeen {
    /// The wait of its node, if it waits to be told what to do.
    pub(super) fn ticket(&self) -> Option<&String> {
        match &self.told {
            Told::Waiting { ticket } => Some(ticket),
            Told::Silent(_) | Told::Starting | Told::Member(_) => None,
        }
    }

    /// Whether its volume is empty and its node waits to be told what to do.
    pub(super) fn waits(&self) -> bool {
        self.ticket().is_some()
    }

    /// Why it cannot be asked, as the end of a sentence.
    pub(super) fn silence(&self) -> String {
        let because = |why: &str| match why {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        match (&self.state, &self.told) {
            (PodState::Absent, _) => format!("{} has no pod", self.name),
            (PodState::Pending(why), _) => {
                format!("{} does not run yet{}", self.name, because(why))
            }
            (PodState::Running | PodState::Ending, Told::Silent(why)) => {
                format!("{} does not answer{}", self.name, because(why))
            }
            (PodState::Running | PodState::Ending, _) => format!("{} is starting", self.name),
        }
    }
}
