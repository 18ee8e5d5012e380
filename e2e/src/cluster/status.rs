//! What `quorate admin status --json` says, as far as the tests need it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Node;

/// A node's view of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The node that was asked.
    pub node: u64,
    /// Revision of the membership.
    pub revision: u64,
    /// All members.
    pub members: Vec<Member>,
    /// All groups; 0 is control.
    pub groups: Vec<Group>,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Node id.
    pub id: u64,
    /// Whether it is to vote.
    pub is_voter: bool,
    /// Its present life.
    pub incarnation: u64,
    /// Whether it holds its lease.
    pub lease_held: bool,
    /// What other nodes dial.
    pub peer_address: String,
}

/// A Raft group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// 0 is control.
    pub number: u64,
    /// Node id.
    pub leader: Option<u64>,
    /// Term.
    pub term: u64,
    /// Node ids that vote.
    pub voters: Vec<u64>,
}

impl Status {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).with_context(|| text.to_owned())?;
        let parsed = || -> Option<Self> {
            let members = value.get("members")?.as_array()?;
            let groups = value.get("groups")?.as_array()?;
            Some(Self {
                node: value.get("node")?.as_u64()?,
                revision: value.get("revision")?.as_u64()?,
                members: members.iter().map(member).collect::<Option<_>>()?,
                groups: groups.iter().map(group).collect::<Option<_>>()?,
            })
        };
        parsed().with_context(|| format!("the status lacks something: {text}"))
    }

    /// The member of that id.
    pub fn member(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    /// How many groups each node leads.
    pub fn leaders(&self) -> BTreeMap<u64, usize> {
        let mut leaders = BTreeMap::new();
        for leader in self.groups.iter().filter_map(|group| group.leader) {
            *leaders.entry(leader).or_default() += 1;
        }
        leaders
    }

    /// The node that leads most groups.
    pub fn leader_of_most(&self) -> Option<u64> {
        let leaders = self.leaders();
        let most = leaders.into_iter().max_by_key(|(_, count)| *count);
        most.map(|(leader, _)| leader)
    }

    /// How many shards each node leads. Control is one group among many, and costs little.
    pub fn shard_leaders(&self) -> BTreeMap<u64, usize> {
        let mut leaders = BTreeMap::new();
        let shards = self.groups.iter().filter(|group| group.number > 0);
        for leader in shards.filter_map(|group| group.leader) {
            *leaders.entry(leader).or_default() += 1;
        }
        leaders
    }

    /// Whether no node leads two shards more than another.
    pub fn is_spread(&self, nodes: usize) -> bool {
        let leaders = self.shard_leaders();
        let most = leaders.values().max().copied().unwrap_or(0);
        let least = if leaders.len() < nodes {
            0
        } else {
            leaders.values().min().copied().unwrap_or(0)
        };
        most - least <= 1
    }

    /// No leader has changed since, in any group.
    ///
    /// # Errors
    /// Which ones have.
    pub fn has_the_terms_of(&self, earlier: &Self) -> Result<()> {
        let changed: Vec<(&Group, &Group)> = earlier
            .groups
            .iter()
            .zip(&self.groups)
            .filter(|(before, after)| before.term != after.term)
            .collect();
        anyhow::ensure!(changed.is_empty(), "elections: {changed:?}");
        Ok(())
    }

    /// The sum of all terms: it grows with each change of a leader.
    pub fn terms(&self) -> u64 {
        self.groups.iter().map(|group| group.term).sum()
    }

    /// What is missing until exactly those nodes vote and every group has a leader among them.
    pub(super) fn hindrance(&self, nodes: &[&Node]) -> Option<String> {
        let voters: Vec<&Member> = nodes
            .iter()
            .filter_map(|node| {
                let is_it = |member: &&Member| member.peer_address == node.peers_address();
                self.members
                    .iter()
                    .find(|member| is_it(member) && member.is_voter && member.lease_held)
            })
            .collect();
        if voters.len() < nodes.len() {
            return Some(format!("not all nodes vote and hold a lease: {self:?}"));
        }
        let leads = |id: u64| voters.iter().any(|member| member.id == id);
        let votes = |group: &Group| {
            voters
                .iter()
                .all(|member| group.voters.contains(&member.id))
        };
        let is_led = |group: &Group| group.leader.is_some_and(leads) && votes(group);
        let lacking = self.groups.iter().find(|group| !is_led(group));
        lacking.map(|group| format!("no whole group: {group:?}"))
    }
}

fn member(value: &Value) -> Option<Member> {
    let role = value.get("role")?.as_str()?.to_lowercase();
    Some(Member {
        id: value.get("node")?.as_u64()?,
        is_voter: role.contains("voter"),
        incarnation: value.get("incarnation")?.as_u64()?,
        lease_held: value.get("lease_held")?.as_bool()?,
        peer_address: value.get("peer_address")?.as_str()?.to_owned(),
    })
}

fn group(value: &Value) -> Option<Group> {
    let voters = value.get("voters")?.as_array()?;
    Some(Group {
        number: value.get("group")?.as_u64()?,
        leader: value.get("leader").and_then(Value::as_u64),
        term: value.get("term")?.as_u64()?,
        voters: voters.iter().map(Value::as_u64).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
        "cluster_id": "0a", "node": 4, "revision": 9,
        "members": [
            {"node": 4, "role": "voter", "incarnation": 2, "lease_held": true,
             "peer_address": "10.78.0.11:7883", "client_address": "", "draining": false},
            {"node": 7, "role": "learner", "incarnation": 8, "lease_held": false,
             "peer_address": "10.78.0.12:7883", "client_address": "", "draining": false}
        ],
        "groups": [
            {"group": 0, "leader": 4, "term": 1, "voters": [4], "learners": [7]},
            {"group": 1, "leader": null, "term": 2, "voters": [4], "learners": []}
        ]
    }"#;

    #[test]
    fn reads_what_the_command_prints() -> Result<()> {
        let status = Status::parse(TEXT)?;
        assert_eq!((status.node, status.revision, status.terms()), (4, 9, 3));
        assert!(status.member(4).is_some_and(|member| member.is_voter));
        assert!(status.member(7).is_some_and(|member| !member.is_voter));
        assert_eq!(status.leader_of_most(), Some(4));
        assert_eq!(status.groups[1].leader, None);
        assert!(Status::parse("{}").is_err());
        Ok(())
    }
}
