//! Who may be believed about a cluster: members that hold their lease. Without one there is no majority, and
//! then nothing is changed.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::{GroupTold, NodeId, Observed, Role, Told, View};
use super::summary::Summary;
use super::{Finding, Next, Plan, Standing, unknown_standings};
use crate::finding::{list, verb};

/// The newest knowledge that a majority stands behind.
#[derive(Debug)]
pub(super) struct Authority<'a> {
    /// Place of the pod that is asked for changes.
    pub(super) via: usize,
    /// The membership.
    pub(super) view: &'a View,
    /// Groups, each as its leader tells if that answered.
    pub(super) groups: BTreeMap<u32, &'a GroupTold>,
}

/// There is no such knowledge.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// No member answers.
    Nobody,
    /// Members answer, and none of them has a majority behind it.
    Majority,
}

impl<'a> Authority<'a> {
    /// Finds who knows most.
    pub(super) fn find(observed: &'a Observed, cluster: &'a str) -> Result<Self, Missing> {
        let sure = |(_, view): &(usize, &View)| {
            let control = view.groups.get(&0);
            view.lease_held && control.is_some_and(|group| group.leader.is_some())
        };
        let newest = |(_, view): &(usize, &View)| {
            let control = view.groups.get(&0);
            let leads = control.is_some_and(|group| group.leader == Some(view.node));
            (view.revision, control.map_or(0, |group| group.term), leads)
        };
        let best = observed.views(cluster).filter(sure).max_by_key(newest);
        let Some((via, view)) = best else {
            let anybody = observed.views(cluster).next().is_some();
            return Err(if anybody {
                Missing::Majority
            } else {
                Missing::Nobody
            });
        };
        Ok(Self {
            via,
            view,
            groups: groups(observed.views(cluster).map(|(_, view)| view)),
        })
    }

    /// Who is wanted to have a vote.
    pub(super) fn voters(&self) -> BTreeSet<NodeId> {
        self.with(Role::Voter)
    }

    /// Who is wanted to follow.
    pub(super) fn learners(&self) -> BTreeSet<NodeId> {
        self.with(Role::Learner)
    }

    fn with(&self, role: Role) -> BTreeSet<NodeId> {
        let members = self.view.members.iter();
        members
            .filter(|(_, member)| member.role == role)
            .map(|(node, _)| *node)
            .collect()
    }

    /// Members, by id, that a rule is true for.
    pub(super) fn is_live(&self, node: NodeId) -> bool {
        let member = self.view.members.get(&node);
        member.is_some_and(|member| member.live)
    }

    /// What the cluster says about each pod.
    pub(super) fn standings(&self, observed: &Observed) -> BTreeMap<String, Standing> {
        let standing = |address: &str| {
            let mut members = self.view.members.values();
            let is_live = members.any(|member| member.peer_address == address && member.live);
            if is_live {
                Standing::Live
            } else {
                Standing::Dead
            }
        };
        let pods = observed.pods.iter();
        pods.map(|pod| (pod.name.clone(), standing(&pod.peer_address)))
            .collect()
    }

    /// Condition `QuorumHealthy` while there is a majority.
    pub(super) fn quorum(&self, observed: &Observed) -> Finding {
        let voters = self.voters();
        let headless = self
            .groups
            .iter()
            .filter(|(_, group)| group.leader.is_none());
        let headless: Vec<String> = headless.map(|(number, _)| group_name(*number)).collect();
        if !headless.is_empty() {
            let message = format!(
                "{} {} no leader at the moment; clients whose sessions are there wait.",
                list(&headless),
                verb(&headless, "has", "have")
            );
            return Finding::bad("NoLeader", message);
        }
        let dead = self.view.members.iter();
        let dead = dead.filter(|(_, member)| member.role == Role::Voter && !member.live);
        let dead: Vec<String> = dead
            .map(|(node, member)| observed.name_of(*node, member))
            .collect();
        let count = voters.len();
        if dead.is_empty() {
            let spare = count.saturating_sub(1) / 2;
            let message = format!(
                "{count} of {count} voters are live; the cluster goes on if {spare} of them {}.",
                if spare == 1 { "fails" } else { "fail" }
            );
            return Finding::good("AllVotersLive", message);
        }
        let live = count - dead.len();
        let majority = count / 2 + 1;
        let message = format!(
            "{live} of {count} voters are live, {majority} are needed; {} {} down.",
            list(&dead),
            verb(&dead, "is", "are")
        );
        Finding::good("MajorityLive", message)
    }
}

impl Missing {
    /// Nothing is done, and it is said why.
    pub(super) fn plan(&self, observed: &Observed, cluster: &str) -> Plan {
        let (next, quorum) = match self {
            Self::Nobody => nobody(observed, cluster),
            Self::Majority => (Next::Wait, no_majority(observed, cluster)),
        };
        let membership = Finding::unknown(
            "NoQuorum",
            "The membership is left as it is until a majority of the voters runs again.",
        );
        Plan {
            next,
            quorum,
            membership,
            summary: Summary {
                cluster: Some(cluster.to_owned()),
                ..Summary::default()
            },
            standing: unknown_standings(observed),
        }
    }
}

fn nobody(observed: &Observed, cluster: &str) -> (Next, Finding) {
    let foreign = observed.names(|pod| matches!(pod.told, Told::Member(_)));
    if !foreign.is_empty() {
        let message = format!(
            "The volumes of {} belong to another cluster than {cluster}, which the status remembers. Nothing is changed: put the right volumes back, or delete this resource and apply it again to take over what is there.",
            list(&foreign)
        );
        return (Next::Stuck, Finding::bad("ForeignVolumes", message));
    }
    let empty = observed.names(|pod| pod.waits());
    if empty.len() == observed.pods.len() && !empty.is_empty() {
        let message = format!(
            "Every volume is empty, so cluster {cluster} and its data are lost. No new one begins by itself: put the volumes back, or delete this resource and its volume claims and apply it again to begin anew."
        );
        return (Next::Stuck, Finding::bad("VolumesLost", message));
    }
    let silent = observed.pods.iter().filter(|pod| !pod.waits());
    let silent: Vec<String> = silent.map(super::PodSeen::silence).collect();
    let message = format!("No member of cluster {cluster} answers: {}.", list(&silent));
    (Next::Wait, Finding::bad("NoMemberAnswers", message))
}

/// Members answer, but none has a lease.
fn no_majority(observed: &Observed, cluster: &str) -> Finding {
    let views: Vec<(usize, &View)> = observed.views(cluster).collect();
    let Some((place, best)) = views.iter().max_by_key(|(_, view)| progress(view)) else {
        return Finding::bad("NoQuorum", "No member answers.");
    };
    let voters: BTreeSet<NodeId> = best
        .members
        .iter()
        .filter(|(_, member)| member.role == Role::Voter)
        .map(|(node, _)| *node)
        .collect();
    let there = views.iter().filter(|(_, view)| voters.contains(&view.node));
    let (there, all) = (there.count(), voters.len());
    let needed = all / 2 + 1;
    let survivor = &observed.pods[*place].name;
    let lost = observed.names(|pod| {
        let is_voter = |member: &super::MemberTold| {
            member.role == Role::Voter && member.peer_address == pod.peer_address
        };
        pod.waits() && best.members.values().any(is_voter)
    });
    if there >= needed {
        let message = format!(
            "{there} of {all} voters answer and {needed} are needed: they are electing a leader."
        );
        return Finding::bad("Electing", message);
    }
    if all.saturating_sub(lost.len()) < needed {
        let message = format!(
            "{there} of {all} voters answer and {needed} are needed, but {} {}: a majority cannot come back by itself, and nothing is done without a person. Put the volumes back if you can. The node that has most of the data is {survivor} (term {}, {} entries): keep its volume.",
            list(&lost),
            verb(&lost, "has lost its volume", "have lost their volumes"),
            progress(best).0,
            progress(best).1,
        );
        return Finding::bad("QuorumLost", message);
    }
    let message = format!(
        "{there} of {all} voters answer and {needed} are needed: no client is served until more of them run. The node that has most of the data is {survivor}."
    );
    Finding::bad("NoQuorum", message)
}

/// How far a member has come: the control group first, since it decides; then all groups together.
fn progress(view: &View) -> (u64, u64, u64) {
    let control = view.groups.get(&0);
    (
        control.map_or(0, |group| group.term),
        control.map_or(0, |group| group.committed),
        view.groups.values().map(|group| group.committed).sum(),
    )
}

/// The groups, each as its leader tells if that answered, else as the one with the newest term does.
fn groups<'a>(views: impl Iterator<Item = &'a View>) -> BTreeMap<u32, &'a GroupTold> {
    let mut best: BTreeMap<u32, (u64, bool, &GroupTold)> = BTreeMap::new();
    for view in views {
        for (number, group) in &view.groups {
            let leads = group.leader == Some(view.node);
            let known = best.get(number);
            if known.is_none_or(|(term, led, _)| (group.term, leads) > (*term, *led)) {
                best.insert(*number, (group.term, leads, group));
            }
        }
    }
    best.into_iter()
        .map(|(number, (_, _, group))| (number, group))
        .collect()
}

/// What people call a group.
pub(super) fn group_name(number: u32) -> String {
    match number.checked_sub(1) {
        None => "the control group".to_owned(),
        Some(shard) => format!("shard {shard}"),
    }
}
