//! A cluster as the command line shows it: what one node tells, completed by what only others know.

use std::collections::BTreeMap;

use quorate_proto::admin::{Group, Member, StatusReply};

/// What a node says, and what the others said to the same question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// The node that was asked.
    pub(crate) asked: StatusReply,
    /// Other nodes that answered, by id.
    pub(crate) others: BTreeMap<u64, StatusReply>,
}

impl View {
    /// All members, as the node asked knows them.
    pub(crate) fn members(&self) -> &[Member] {
        &self.asked.members
    }

    /// A member.
    pub(crate) fn member(&self, node: u64) -> Option<&Member> {
        self.members().iter().find(|member| member.node == node)
    }

    /// Whether a node has answered; `None` if it could not be asked.
    pub(crate) fn answers(&self, member: &Member) -> Option<bool> {
        if member.node == self.asked.node {
            return Some(true);
        }
        let has_service = !member.admin_address.is_empty();
        has_service.then(|| self.others.contains_key(&member.node))
    }

    /// The groups, each as its leader tells if that answered, else as the one with the newest term does.
    pub(crate) fn groups(&self) -> Vec<&Group> {
        let mut best: BTreeMap<u32, (bool, u64, &Group)> = BTreeMap::new();
        for told in std::iter::once(&self.asked).chain(self.others.values()) {
            for group in &told.groups {
                let leads = group.leader == Some(told.node);
                let known = best.get(&group.group);
                if known.is_none_or(|(led, term, _)| (group.term, leads) > (*term, *led)) {
                    best.insert(group.group, (leads, group.term, group));
                }
            }
        }
        best.into_values().map(|(_, _, group)| group).collect()
    }

    /// Who leads a group.
    pub(crate) fn leader(&self, group: u32) -> Option<u64> {
        let groups = self.groups();
        let group = groups.iter().find(|known| known.group == group)?;
        group.leader
    }
}

/// What people call a group.
pub(crate) fn group_name(group: u32) -> String {
    match group.checked_sub(1) {
        None => "control".to_owned(),
        Some(shard) => format!("shard {shard}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(node: u64, leader: u64, term: u64) -> StatusReply {
        StatusReply {
            node,
            groups: vec![Group {
                leader: Some(leader),
                term,
                applied: node,
                ..Group::default()
            }],
            ..StatusReply::default()
        }
    }

    #[test]
    fn a_group_is_shown_as_its_leader_tells() {
        let view = View {
            asked: told(1, 5, 7),
            others: BTreeMap::from([(5, told(5, 5, 7)), (9, told(9, 9, 6))]),
        };
        let groups = view.groups();
        assert_eq!(groups.len(), 1);
        assert_eq!(
            groups[0].applied, 5,
            "node 9 still believes in an older term"
        );
        assert_eq!(view.leader(0), Some(5));
    }
}
