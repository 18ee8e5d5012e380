//! What has changed between two looks at the cluster, as sentences. Looks at nothing itself.

use std::collections::BTreeMap;

use quorate_proto::admin::Role;

use crate::admin::{View, group_name};

/// Names of nodes by their ids: ours have the numbers that people see on their ports.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    numbers: BTreeMap<u64, u16>,
}

impl Nodes {
    pub(super) fn new(numbers: BTreeMap<u64, u16>) -> Self {
        Self { numbers }
    }

    pub(super) fn name(&self, id: u64) -> String {
        match self.numbers.get(&id) {
            Some(number) => format!("node {number}"),
            None => format!("the node with id {id}"),
        }
    }

    /// The id of a node by its number.
    pub(super) fn id(&self, number: u16) -> Option<u64> {
        let mut nodes = self.numbers.iter();
        nodes
            .find(|(_, known)| **known == number)
            .map(|(id, _)| *id)
    }
}

/// What of a cluster is worth news.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Picture {
    /// Members by id: name, state.
    members: BTreeMap<u64, (String, State)>,
    /// Who leads which group.
    leaders: BTreeMap<u32, Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Learner,
    Voter,
    Away,
    Leaving,
}

impl Picture {
    pub(super) fn of(view: &View, nodes: &Nodes) -> Self {
        let members = view.members().iter().map(|member| {
            let state = match member.role() {
                Role::Leaving => State::Leaving,
                _ if !member.live || member.suspended => State::Away,
                Role::Voter => State::Voter,
                Role::Learner | Role::Unspecified => State::Learner,
            };
            (member.node, (nodes.name(member.node), state))
        });
        let leaders = view.groups().into_iter();
        let leaders = leaders.map(|group| {
            let leader = group.leader.map(|leader| nodes.name(leader));
            (group.group, leader)
        });
        Self {
            members: members.collect(),
            leaders: leaders.collect(),
        }
    }
}

/// Voters that are there.
pub(super) fn voters(view: &View) -> usize {
    let picture = Picture::of(view, &Nodes::default());
    let states = picture.members.values();
    states.filter(|(_, state)| *state == State::Voter).count()
}

/// What to tell; `None` is a look at which no node answered.
pub(super) fn between(before: Option<&Picture>, now: Option<&Picture>) -> Vec<String> {
    match (before, now) {
        (None, None) => Vec::new(),
        (Some(_), None) => vec!["no node answers".to_owned()],
        (None, Some(_)) => vec!["the cluster answers".to_owned()],
        (Some(before), Some(now)) => {
            let mut lines = member_news(before, now);
            lines.extend(leader_news(before, now));
            lines
        }
    }
}

fn member_news(before: &Picture, now: &Picture) -> Vec<String> {
    let tell = |(id, (name, state)): (&u64, &(String, State))| {
        let known = before.members.get(id).map(|(_, state)| *state);
        if known == Some(*state) {
            return None;
        }
        let what = match (known, state) {
            (_, State::Away) => "is away: its lease has ended",
            (_, State::Leaving) => "is being taken out of the cluster",
            (None, State::Learner | State::Voter) => "has joined",
            (Some(State::Away), State::Learner | State::Voter) => "is back",
            (Some(State::Learner | State::Voter | State::Leaving), State::Voter) => {
                "has a vote now"
            }
            (Some(State::Learner | State::Voter | State::Leaving), State::Learner) => {
                "has no vote any more"
            }
        };
        Some(format!("{name} {what}"))
    };
    let gone = before.members.iter();
    let gone = gone.filter(|(id, _)| !now.members.contains_key(id));
    let gone = gone.map(|(_, (name, _))| format!("{name} is no member any more"));
    now.members.iter().filter_map(tell).chain(gone).collect()
}

/// One line per new leader, however many groups it leads.
fn leader_news(before: &Picture, now: &Picture) -> Vec<String> {
    let mut moved: BTreeMap<&Option<String>, Vec<String>> = BTreeMap::new();
    for (group, leader) in &now.leaders {
        if before.leaders.get(group) != Some(leader) {
            moved.entry(leader).or_default().push(group_name(*group));
        }
    }
    let lines = moved.into_iter().map(|(leader, groups)| {
        let groups = groups.join(", ");
        match leader {
            Some(leader) => format!("{leader} leads {groups}"),
            None => format!("no leader: {groups}"),
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(members: &[(u64, State)], leaders: &[(u32, Option<&str>)]) -> Picture {
        Picture {
            members: members
                .iter()
                .map(|&(id, state)| (id, (format!("node {id}"), state)))
                .collect(),
            leaders: leaders
                .iter()
                .map(|&(group, leader)| (group, leader.map(str::to_owned)))
                .collect(),
        }
    }

    #[test]
    fn a_node_that_dies_and_comes_back_is_news() {
        let whole = picture(
            &[(1, State::Voter), (2, State::Voter)],
            &[(0, Some("node 2")), (1, Some("node 2"))],
        );
        let cut = picture(
            &[(1, State::Voter), (2, State::Away)],
            &[(0, Some("node 1")), (1, None)],
        );
        assert_eq!(
            between(Some(&whole), Some(&cut)),
            [
                "node 2 is away: its lease has ended",
                "no leader: shard 0",
                "node 1 leads control"
            ]
        );
        assert_eq!(
            between(Some(&cut), Some(&whole)),
            ["node 2 is back", "node 2 leads control, shard 0"]
        );
        assert_eq!(between(Some(&whole), Some(&whole)), Vec::<String>::new());
        assert_eq!(between(Some(&whole), None), ["no node answers"]);
    }
}
