//! Leaders are moved away from a pod that is ending, while it still answers; a drain that outlived its pod is
//! ended. A person who drains a node by hand pauses the operator first.

use super::authority::Authority;
use super::change::target;
use super::observed::{MemberTold, NodeId, Observed, PodState, Role, Told};
use super::{Finding, Next};

/// Moves leaders away.
pub(super) fn begin(observed: &Observed, authority: &Authority<'_>) -> Option<(Next, Finding)> {
    let (node, member) = members_in(observed, authority, &PodState::Ending)
        .find(|(node, member)| !member.draining && leads(authority, *node))?;
    let others = authority.voters();
    let has_heir = others
        .iter()
        .any(|other| *other != node && authority.is_live(*other));
    has_heir.then(|| {
        let target = target(observed, authority, node, member);
        let message = format!("{} is ending: others take over what it leads.", target.name);
        (Next::Drain(target), Finding::bad("MemberEnding", message))
    })
}

/// Lets a member lead again whose pod is not ending.
pub(super) fn end(observed: &Observed, authority: &Authority<'_>) -> Option<(Next, Finding)> {
    let (node, member) =
        members_in(observed, authority, &PodState::Running).find(|(_, member)| member.draining)?;
    let target = target(observed, authority, node, member);
    let message = format!("{} is back and may lead again.", target.name);
    Some((Next::Undrain(target), Finding::bad("MemberBack", message)))
}

/// Live members that answer from pods in a state.
fn members_in<'a>(
    observed: &'a Observed,
    authority: &'a Authority<'_>,
    state: &'a PodState,
) -> impl Iterator<Item = (NodeId, &'a MemberTold)> + 'a {
    let members = authority.view.members.iter();
    let there = move |(node, member): &(&NodeId, &MemberTold)| {
        let pod = observed.at(&member.peer_address);
        let pod = pod.filter(|pod| pod.state == *state);
        let answers =
            pod.is_some_and(|pod| matches!(&pod.told, Told::Member(view) if view.node == **node));
        answers && member.live && member.role != Role::Leaving
    };
    members.filter(there).map(|(node, member)| (*node, member))
}

fn leads(authority: &Authority<'_>, node: NodeId) -> bool {
    let mut groups = authority.groups.values();
    groups.any(|group| group.leader == Some(node))
}
