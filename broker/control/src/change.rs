//! What each command does to the members. Total: a command that does not fit is refused and changes nothing.

use crate::command::*;
use crate::control::{Control, MEMBERS_MAX};
use crate::member::{Member, Role};

impl Control {
    pub(crate) fn join(&mut self, index: u64, join: Join) -> Outcome {
        // The node that begins the cluster is its first member: whoever came before it would be taken for it.
        if self.cluster.is_none() || self.members.is_empty() {
            return Outcome::Refused(Refusal::NotBootstrapped);
        }
        if join.token == 0 {
            return Outcome::Refused(Refusal::Member);
        }
        let known = |(_, member): &(NodeId, &Member)| {
            member.token == join.token && member.role != Role::Removed
        };
        if let Some((node, member)) = self.members().find(known) {
            return Outcome::Joined(Life {
                node,
                incarnation: member.incarnation,
            });
        }
        if let Err(refusal) = self.replace_at(index, &join.addresses.peer) {
            return Outcome::Refused(refusal);
        }
        if !self.make_room() {
            return Outcome::Refused(Refusal::Member);
        }
        self.members.insert(
            index,
            Member {
                incarnation: index,
                name: join.name,
                addresses: join.addresses,
                role: Role::Learner,
                lease_ended: false,
                suspended: false,
                draining: false,
                promote: join.promote,
                token: join.token,
            },
        );
        self.revision = index;
        Outcome::Joined(Life {
            node: index,
            incarnation: index,
        })
    }

    pub(crate) fn start_node(&mut self, index: u64, start: StartNode) -> Outcome {
        if self.cluster.is_none() {
            return Outcome::Refused(Refusal::NotBootstrapped);
        }
        if start.node == 0 {
            return Outcome::Refused(Refusal::Member);
        }
        let first = self.members.is_empty();
        let member = match self.members.get_mut(&start.node) {
            Some(member) if member.role != Role::Removed => member,
            None if first => {
                self.revision = index;
                self.members.entry(start.node).or_insert(FIRST)
            }
            Some(_) | None => return Outcome::Refused(Refusal::Unknown),
        };
        member.incarnation = index;
        member.name = start.name;
        member.addresses = start.addresses;
        member.lease_ended = false;
        member.draining = false;
        Outcome::Started(index)
    }

    pub(crate) fn set_role(&mut self, index: u64, change: SetRole) -> Outcome {
        if change.expected != self.revision {
            return self.stale();
        }
        let others = self.voters().filter(|voter| *voter != change.node).count();
        let Some(member) = self.members.get_mut(&change.node) else {
            return Outcome::Refused(Refusal::Unknown);
        };
        let role = match (member.role, change.role) {
            (Role::Removed, _) => return Outcome::Refused(Refusal::Unknown),
            (Role::Leaving, WantedRole::Learner | WantedRole::Voter) => {
                return Outcome::Refused(Refusal::Role);
            }
            (_, WantedRole::Voter) => Role::Voter,
            (Role::Voter, WantedRole::Learner | WantedRole::Gone) if others == 0 => {
                return Outcome::Refused(Refusal::Role);
            }
            (_, WantedRole::Learner) => Role::Learner,
            (_, WantedRole::Gone) => Role::Leaving,
        };
        // Asked for by somebody or done: nothing happens by itself any more.
        member.promote = false;
        if member.role != role {
            member.role = role;
            self.revision = index;
        }
        Outcome::Changed(self.revision)
    }

    pub(crate) fn left(&mut self, index: u64, left: Left) -> Outcome {
        if left.expected != self.revision {
            return self.stale();
        }
        match self.members.get_mut(&left.node) {
            Some(member) if member.role == Role::Leaving => {
                member.role = Role::Removed;
                member.lease_ended = true;
                self.revision = index;
                Outcome::Changed(index)
            }
            Some(_) => Outcome::Refused(Refusal::Role),
            None => Outcome::Refused(Refusal::Unknown),
        }
    }

    pub(crate) fn end_lease(&mut self, life: Life) -> Outcome {
        self.with_life(life, |member| member.lease_ended = true)
    }

    pub(crate) fn suspend(&mut self, life: Life) -> Outcome {
        self.with_life(life, |member| {
            member.lease_ended = true;
            member.suspended = true;
        })
    }

    pub(crate) fn resume(&mut self, node: NodeId) -> Outcome {
        self.with_member(node, |member| member.suspended = false)
    }

    pub(crate) fn set_draining(&mut self, change: SetDraining) -> Outcome {
        self.with_member(change.node, |member| member.draining = change.draining)
    }

    fn with_life(&mut self, life: Life, change: impl FnOnce(&mut Member)) -> Outcome {
        match self.members.get_mut(&life.node) {
            Some(member) if member.incarnation == life.incarnation => {
                change(member);
                Outcome::Done
            }
            Some(_) => Outcome::Refused(Refusal::OldIncarnation),
            None => Outcome::Refused(Refusal::Unknown),
        }
    }

    fn with_member(&mut self, node: NodeId, change: impl FnOnce(&mut Member)) -> Outcome {
        match self.members.get_mut(&node) {
            Some(member) => {
                change(member);
                Outcome::Done
            }
            None => Outcome::Refused(Refusal::Unknown),
        }
    }

    /// A node that joins where another one was has lost its disk: the one before leaves, unless it lives.
    fn replace_at(&mut self, index: u64, peer_address: &str) -> Result<(), Refusal> {
        let mut there = Vec::new();
        for (node, member) in &self.members {
            let gone = matches!(member.role, Role::Leaving | Role::Removed);
            if gone || peer_address.is_empty() || member.addresses.peer != peer_address {
                continue;
            }
            if !member.lease_ended {
                return Err(Refusal::AddressTaken);
            }
            there.push(*node);
        }
        let stays = self.voters().any(|voter| !there.contains(&voter));
        if !there.is_empty() && !stays {
            return Err(Refusal::Role);
        }
        for node in there {
            if let Some(member) = self.members.get_mut(&node) {
                member.role = Role::Leaving;
                self.revision = index;
            }
        }
        Ok(())
    }

    /// Forgets the oldest removed member when there are as many as the bound allows.
    fn make_room(&mut self) -> bool {
        if self.members.len() < MEMBERS_MAX {
            return true;
        }
        let removed = |(_, member): &(&NodeId, &Member)| member.role == Role::Removed;
        let oldest = self.members.iter().find(removed).map(|(node, _)| *node);
        oldest.is_some_and(|node| self.members.remove(&node).is_some())
    }

    fn voters(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.members()
            .filter(|(_, member)| member.role == Role::Voter)
            .map(|(node, _)| node)
    }

    fn stale(&self) -> Outcome {
        Outcome::Refused(Refusal::Stale {
            current: self.revision,
        })
    }
}

/// The node that begins a cluster, before its first start is noted.
const FIRST: Member = Member {
    incarnation: 0,
    name: String::new(),
    addresses: Addresses {
        peer: String::new(),
        client: String::new(),
        admin: String::new(),
    },
    role: Role::Voter,
    lease_ended: false,
    suspended: false,
    draining: false,
    promote: false,
    token: 0,
};
