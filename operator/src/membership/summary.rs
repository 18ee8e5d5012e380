//! The cluster in a few lines, for the resource's status.

use super::authority::Authority;
use super::observed::{NodeId, Observed, Role};

/// What the status shows of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Its id, if there is one.
    pub cluster: Option<String>,
    /// Pod (or address) of the control group's leader.
    pub leader: Option<String>,
    /// The control group's term.
    pub term: Option<u64>,
    /// Members, by node id.
    pub members: Vec<MemberLine>,
}

/// A member for the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberLine {
    /// Its pod; `None` if it is none of ours.
    pub pod: Option<String>,
    /// Node id.
    pub node: NodeId,
    /// What it is wanted to be.
    pub role: Role,
    /// Whether the cluster counts on its present life.
    pub live: bool,
    /// How many groups it is more than a few entries behind in; `None` if no leader says.
    pub groups_behind: Option<usize>,
}

/// Behind is who lacks more than what is always on its way: otherwise the status would change all the time.
const BEHIND_ENTRIES_MIN: u64 = 1_000;

/// The cluster as the authority knows it.
pub(super) fn summarise(observed: &Observed, authority: &Authority<'_>) -> Summary {
    let view = authority.view;
    let control = authority.groups.get(&0);
    let name = |node: NodeId| match view.members.get(&node) {
        Some(member) => observed.name_of(node, member),
        None => format!("node {node}"),
    };
    let members = view.members.iter().map(|(node, member)| MemberLine {
        pod: observed
            .at(&member.peer_address)
            .map(|pod| pod.name.clone()),
        node: *node,
        role: member.role,
        live: member.live,
        groups_behind: groups_behind(authority, *node),
    });
    Summary {
        cluster: Some(view.cluster.clone()),
        leader: control.and_then(|group| group.leader).map(name),
        term: control.map(|group| group.term),
        members: members.collect(),
    }
}

fn groups_behind(authority: &Authority<'_>, node: NodeId) -> Option<usize> {
    let groups = authority.groups.values();
    let told: Vec<u64> = groups
        .filter_map(|group| match group.leader {
            Some(leader) if leader == node => Some(0),
            _ => group.lags.get(&node).copied(),
        })
        .collect();
    let is_known = told.len() == authority.groups.len();
    is_known.then(|| {
        told.iter()
            .filter(|lag| **lag >= BEHIND_ENTRIES_MIN)
            .count()
    })
}
