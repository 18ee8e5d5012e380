//! The next change of a cluster that has a majority. One at a time: while a change is on its way into the
//! groups nothing else is begun, except that a member which is lost for good is taken out.

use std::collections::BTreeSet;

use super::authority::Authority;
use super::drain;
use super::observed::{MemberTold, NodeId, Observed, PodSeen, PodState, Role, Told};
use super::{Finding, Next, Target};
use crate::finding::{list, verb};

/// Entries that a learner may lack when it gets its vote; the groups themselves wait for the rest.
const LAG_ENTRIES_MAX: u64 = 64;

/// A step, or what keeps from it.
type Step = (Next, Finding);

/// The next change; `MembershipStable` says why.
pub(super) fn change(observed: &Observed, authority: &Authority<'_>) -> Step {
    let deciders: [fn(&Observed, &Authority<'_>) -> Option<Step>; 11] = [
        drain::begin,
        foreign,
        stranded,
        leaving,
        lost,
        unsettled,
        newcomer,
        promotion,
        surplus,
        missing,
        drain::end,
    ];
    let mut steps = deciders
        .iter()
        .filter_map(|decide| decide(observed, authority));
    steps
        .next()
        .unwrap_or_else(|| as_wanted(observed, authority))
}

/// A change of a member, to be asked of whoever knows most.
pub(super) fn target(
    observed: &Observed,
    authority: &Authority<'_>,
    node: NodeId,
    member: &MemberTold,
) -> Target {
    Target {
        via: authority.via,
        node,
        name: observed.name_of(node, member),
        expected: authority.view.revision,
    }
}

/// A pod whose volume belongs elsewhere is left alone, and so is everything else: something is badly wrong.
fn foreign(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let cluster = &authority.view.cluster;
    let is_foreign =
        |pod: &PodSeen| matches!(&pod.told, Told::Member(view) if view.cluster != *cluster);
    let foreign = observed.names(is_foreign);
    (!foreign.is_empty()).then(|| {
        let message = format!(
            "The {} of {} {} to another cluster than {cluster}. To have {} in this one, delete the volume claim and the pod.",
            if foreign.len() == 1 { "volume" } else { "volumes" },
            list(&foreign),
            verb(&foreign, "belongs", "belong"),
            verb(&foreign, "it", "them"),
        );
        (Next::Stuck, Finding::bad("ForeignVolume", message))
    })
}

fn leaving(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let mut members = authority.view.members.iter();
    let (node, member) = members.find(|(_, member)| member.role == Role::Leaving)?;
    let name = observed.name_of(*node, member);
    let message =
        format!("The former member of {name} (node {node}) is on its way out of all groups.");
    Some((Next::Wait, Finding::bad("MemberLeaving", message)))
}

/// A lost member that some groups wait for: they cannot follow anything before it is taken out, not even
/// another member's leaving.
fn stranded(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let waited_for = |(node, member): &(&NodeId, &MemberTold)| {
        let mut groups = authority.groups.values();
        match member.role {
            Role::Voter => groups.any(|group| !group.voters.contains(node)),
            Role::Learner => groups.any(|group| !group.learners.contains(node)),
            Role::Leaving => false,
        }
    };
    replace(
        observed,
        authority,
        lost_members(observed, authority).find(waited_for)?,
    )
}

/// A member whose pod came back with an empty volume never comes back: it goes, so that its pod can join anew.
fn lost(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    replace(
        observed,
        authority,
        lost_members(observed, authority).next()?,
    )
}

fn lost_members<'a>(
    observed: &'a Observed,
    authority: &'a Authority<'_>,
) -> impl Iterator<Item = (&'a NodeId, &'a MemberTold)> + 'a {
    let members = authority.view.members.iter();
    members.filter(|(_, member)| {
        let pod = observed.at(&member.peer_address);
        member.role != Role::Leaving && pod.is_some_and(|pod| pod.waits())
    })
}

fn replace(
    observed: &Observed,
    authority: &Authority<'_>,
    (node, member): (&NodeId, &MemberTold),
) -> Option<Step> {
    let name = observed.name_of(*node, member);
    if member.live {
        let message = format!(
            "{name} came back with an empty volume; its former member (node {node}) is replaced when its lease has ended."
        );
        return Some((Next::Wait, Finding::bad("MemberLost", message)));
    }
    let stay: BTreeSet<NodeId> = authority
        .voters()
        .into_iter()
        .filter(|voter| voter != node)
        .collect();
    let live = stay
        .iter()
        .filter(|voter| authority.is_live(**voter))
        .count();
    if member.role == Role::Voter && live < stay.len() / 2 + 1 {
        let message = format!(
            "{name} came back with an empty volume; its former member (node {node}) is replaced when {} of the other {} voters are live ({live} are now).",
            stay.len() / 2 + 1,
            stay.len()
        );
        return Some((Next::Wait, Finding::bad("MemberLost", message)));
    }
    let message = format!(
        "{name} came back with an empty volume: its former member (node {node}) is taken out, then it joins as a new one."
    );
    let target = target(observed, authority, *node, member);
    Some((Next::Remove(target), Finding::bad("MemberLost", message)))
}

/// The groups have not followed the last change yet.
fn unsettled(_: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let (voters, learners) = (authority.voters(), authority.learners());
    let groups = authority.groups.values();
    let behind = groups.filter(|group| group.voters != voters || group.learners != learners);
    let behind = behind.count();
    (behind > 0).then(|| {
        let message = format!(
            "{behind} of {} groups have not followed the last change of the membership yet.",
            authority.groups.len()
        );
        (Next::Wait, Finding::bad("Changing", message))
    })
}

/// Pods that are wanted as members and are none yet, join one after the other.
fn newcomer(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let member_at = |pod: &PodSeen| member_at(authority, pod).is_some();
    let strangers = || {
        let pods = observed.pods.iter().enumerate();
        pods.filter(|(_, pod)| pod.ordinal < observed.voters && !member_at(pod))
    };
    if let Some((_, pod)) = strangers().find(|(_, pod)| pod.told == Told::Starting) {
        let message = format!("{} is on its way into the cluster.", pod.name);
        return Some((Next::Wait, Finding::bad("MemberJoining", message)));
    }
    let waiting =
        |(place, pod): (usize, &PodSeen)| Some((place, pod.ticket()?.clone(), pod.name.clone()));
    let (pod, ticket, name) = strangers().find_map(waiting)?;
    let members = authority.view.members.values();
    let members: Vec<String> = members
        .filter(|member| member.live && !member.peer_address.is_empty())
        .map(|member| member.peer_address.clone())
        .collect();
    let message = format!("{name} joins as a learner.");
    let next = Next::Add {
        pod,
        ticket,
        members,
    };
    Some((next, Finding::bad("MemberJoining", message)))
}

fn member_at<'a>(authority: &'a Authority<'_>, pod: &PodSeen) -> Option<(NodeId, &'a MemberTold)> {
    let mut members = authority.view.members.iter();
    let (node, member) = members.find(|(_, member)| member.peer_address == pod.peer_address)?;
    Some((*node, member))
}

/// Whether the node of a member answers from its pod.
fn answers(observed: &Observed, node: NodeId, member: &MemberTold) -> bool {
    let pod = observed.at(&member.peer_address);
    pod.is_some_and(|pod| matches!(&pod.told, Told::Member(view) if view.node == node))
}

/// A learner gets its vote when it has the log. From an odd number of voters two go together, since an even
/// number bears no more failures than the odd one below and needs one more node.
fn promotion(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let voters = authority.voters().len();
    let pods = observed
        .pods
        .iter()
        .filter(|pod| pod.ordinal < observed.voters);
    let learners: Vec<(NodeId, &MemberTold)> = pods
        .filter_map(|pod| member_at(authority, pod))
        .filter(|(_, member)| member.role == Role::Learner)
        .collect();
    if voters >= observed.voters || learners.is_empty() {
        return None;
    }
    let ready = |(node, member): &&(NodeId, &MemberTold)| {
        let mut groups = authority.groups.values();
        let answers = answers(observed, *node, member);
        member.live && answers && groups.all(|group| has_log(group, *node))
    };
    let ready: Vec<_> = learners.iter().filter(ready).collect();
    let together = if voters % 2 == 1 { 2 } else { 1 };
    if let Some((node, member)) = ready.first()
        && ready.len() >= together
    {
        let target = target(observed, authority, *node, member);
        let message = format!("{} has caught up and gets its vote.", target.name);
        return Some((
            Next::Promote(target),
            Finding::bad("MemberPromoted", message),
        ));
    }
    let late = learners.iter().filter(|learner| !ready.contains(learner));
    let late: Vec<String> = late
        .map(|(node, member)| observed.name_of(*node, member))
        .collect();
    if late.is_empty() {
        // The other newcomer is missing; that is said by `missing`.
        return None;
    }
    let message = format!(
        "{} {} and {} no vote before {} up.",
        list(&late),
        verb(&late, "learns", "learn"),
        verb(&late, "gets", "get"),
        verb(&late, "it has caught", "they have caught"),
    );
    Some((Next::Wait, Finding::bad("CatchingUp", message)))
}

fn has_log(group: &super::GroupTold, node: NodeId) -> bool {
    let lag = group.lags.get(&node);
    group.learners.contains(&node) && lag.is_some_and(|lag| *lag <= LAG_ENTRIES_MAX)
}

/// More voters than wanted: taking members out is not done yet, and not half done either.
fn surplus(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let voters = authority.voters().len();
    (voters > observed.voters).then(|| {
        let message = format!(
            "The cluster has {voters} voters and spec.voters is {}: voters are not taken away yet. Set spec.voters to {voters}.",
            observed.voters
        );
        (Next::Stuck, Finding::bad("ScaleDownNotSupported", message))
    })
}

/// Pods that should be members, and members that should be live.
fn missing(observed: &Observed, authority: &Authority<'_>) -> Option<Step> {
    let wanted = observed
        .pods
        .iter()
        .filter(|pod| pod.ordinal < observed.voters);
    let outside: Vec<&PodSeen> = wanted
        .clone()
        .filter(|pod| member_at(authority, pod).is_none())
        .collect();
    if !outside.is_empty() {
        let silent: Vec<String> = outside.iter().map(|pod| pod.silence()).collect();
        let message = format!(
            "A cluster of {} is wanted, and not all can join: {}.",
            observed.voters,
            list(&silent)
        );
        return Some((Next::Wait, Finding::bad("WaitingForPods", message)));
    }
    let members = authority.view.members.iter();
    let down = members.filter(|(node, member)| !member.live || !answers(observed, **node, member));
    let down: Vec<String> = down
        .map(|(node, member)| why_down(observed, *node, member))
        .collect();
    (!down.is_empty()).then(|| {
        let message = format!(
            "{}. {} again with its volume.",
            list(&down),
            verb(
                &down,
                "It comes back as the same member when its pod runs",
                "Each comes back as the same member when its pod runs"
            )
        );
        (Next::Wait, Finding::bad("MemberDown", message))
    })
}

fn why_down(observed: &Observed, node: NodeId, member: &MemberTold) -> String {
    let name = observed.name_of(node, member);
    match observed.at(&member.peer_address) {
        None => format!("{name} is down and is none of this cluster's pods"),
        Some(pod) => match (&pod.state, &pod.told) {
            (PodState::Running, Told::Member(_)) => {
                format!("{name} answers but has not got its lease back yet")
            }
            _ => pod.silence(),
        },
    }
}

fn as_wanted(observed: &Observed, authority: &Authority<'_>) -> Step {
    let members = authority.view.members.iter();
    let voters = members.filter(|(_, member)| member.role == Role::Voter);
    let voters: Vec<String> = voters
        .map(|(node, member)| observed.name_of(*node, member))
        .collect();
    if voters.len() < observed.voters {
        // Pods are made by others; until they are there nothing is wrong, and nothing is done either.
        let message = format!(
            "The cluster has {} of {} voters; the pods of the others are not there yet.",
            voters.len(),
            observed.voters
        );
        return (Next::Wait, Finding::bad("WaitingForPods", message));
    }
    let message = format!(
        "{} {}, as wanted: {}.",
        voters.len(),
        if voters.len() == 1 { "voter" } else { "voters" },
        list(&voters)
    );
    (Next::Nothing, Finding::good("AsWanted", message))
}
