//! What the admin service can see and do on a member: the control state and the groups, as numbers for
//! people. Decides nothing about membership; that is `members`.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_control::{
    Command, Member, NodeId, Outcome, Refusal, SetDraining, SetRole, WantedRole,
};
use tokio::time::timeout;

use crate::admin::{
    Change, ChangeError, Changed, ClusterAccess, ClusterStatus, GroupView, MemberView, Role,
};
use crate::raft::Groups;
use crate::shard_client::Unavailable;

/// A change is tried for so long; a dead leader is replaced in less.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// A transfer of leadership takes a round trip; one that takes longer has failed.
const TRANSFER_DEADLINE: Duration = Duration::from_secs(3);

/// See the module.
pub(super) struct Administration {
    groups: Groups,
}

impl Administration {
    pub(super) fn new(groups: Groups) -> Self {
        Self { groups }
    }

    fn group(&self, number: u32) -> Option<GroupView> {
        let status = self.groups.group_status(number)?;
        let members = self.groups.group_members(number)?;
        let others = members.voters.iter().chain(&members.learners);
        let others = others.filter(|node| **node != self.groups.node());
        let behind = |node: &NodeId| {
            let matched = members.matched.get(node).copied().unwrap_or(0);
            (*node, members.last.saturating_sub(matched))
        };
        let lags = if status.leading {
            others.map(behind).collect()
        } else {
            BTreeMap::new()
        };
        Some(GroupView {
            group: number,
            leader: status.leader,
            term: status.term,
            committed: status.committed,
            applied: status.applied,
            voters: members.voters.iter().copied().collect(),
            learners: members.learners.iter().copied().collect(),
            lags,
        })
    }

    async fn command(&self, node: NodeId, command: Command) -> Result<Outcome, ChangeError> {
        let outcome = self.groups.change(command, CHANGE_DEADLINE).await;
        match outcome {
            Ok(Outcome::Refused(Refusal::Stale { current })) => Err(ChangeError::Stale { current }),
            Ok(Outcome::Refused(Refusal::Unknown)) => Err(ChangeError::UnknownNode(node)),
            Ok(Outcome::Refused(refusal)) => Err(ChangeError::Refused(refusal.to_string())),
            Ok(outcome) => Ok(outcome),
            Err(Unavailable::Deadline) => Err(ChangeError::Unknown),
            Err(Unavailable::Stopped) => Err(ChangeError::NoLeader),
        }
    }
}

#[tonic::async_trait]
impl ClusterAccess for Administration {
    fn status(&self) -> ClusterStatus {
        let control = self.groups.control();
        let control = control.borrow();
        let members = control.members();
        let numbers = 0..=u32::from(self.groups.shard_count());
        ClusterStatus {
            cluster: self.groups.cluster_id(),
            node: self.groups.node(),
            lease_held: self.groups.fence().is_held(),
            revision: control.revision(),
            members: members
                .filter_map(|(node, member)| view(node, member))
                .collect(),
            groups: numbers.filter_map(|number| self.group(number)).collect(),
        }
    }

    async fn change(&self, expected: u64, change: Change) -> Result<Changed, ChangeError> {
        let (node, role) = match change {
            Change::Promote(node) => (node, WantedRole::Voter),
            Change::Demote(node) => (node, WantedRole::Learner),
            Change::Remove(node) => (node, WantedRole::Gone),
        };
        let change = SetRole {
            node,
            role,
            expected,
        };
        match self.command(node, Command::SetRole(change)).await? {
            Outcome::Changed(revision) => Ok(Changed { revision, node }),
            Outcome::Done | Outcome::Joined(_) | Outcome::Started(_) | Outcome::Refused(_) => {
                // Nothing was to be changed: it is what it should be.
                let revision = self.groups.control().borrow().revision();
                Ok(Changed { revision, node })
            }
        }
    }

    async fn transfer(&self, group: u32, to: NodeId) -> Result<(), ChangeError> {
        let unknown = ChangeError::UnknownGroup(group);
        let members = self.groups.group_members(group).ok_or(unknown)?;
        if !members.voters.contains(&to) {
            return Err(ChangeError::Refused(format!(
                "node {to} has no vote in group {group}; quorate admin promote {to} gives it one"
            )));
        }
        let leader = || {
            self.groups
                .group_status(group)
                .and_then(|status| status.leader)
        };
        let mut leaders = match group.checked_sub(1).map(u16::try_from) {
            None => self.groups.control_leader(),
            Some(Ok(shard)) => self.groups.leader(shard),
            Some(Err(_)) => return Err(ChangeError::UnknownGroup(group)),
        };
        if !self.groups.transfer(group, to).await {
            return Err(ChangeError::NotLeader {
                group,
                leader: leader(),
            });
        }
        let moved = leaders.wait_for(|leader| *leader == Some(to));
        match timeout(TRANSFER_DEADLINE, moved).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ChangeError::NoLeader),
            Err(_) => Err(ChangeError::Refused(format!(
                "node {to} did not take group {group} over in {TRANSFER_DEADLINE:?}; has it caught up?"
            ))),
        }
    }

    async fn drain(&self, node: NodeId, undo: bool) -> Result<(), ChangeError> {
        let change = SetDraining {
            node,
            draining: !undo,
        };
        self.command(node, Command::SetDraining(change)).await?;
        Ok(())
    }
}

/// A member for people; `None` for one that is remembered only.
fn view(node: NodeId, member: &Member) -> Option<MemberView> {
    let role = match member.role {
        quorate_control::Role::Learner => Role::Learner,
        quorate_control::Role::Voter => Role::Voter,
        quorate_control::Role::Leaving => Role::Leaving,
        quorate_control::Role::Removed => return None,
    };
    Some(MemberView {
        node,
        name: member.name.clone(),
        role,
        incarnation: member.incarnation,
        live: member.is_live(),
        suspended: member.suspended,
        draining: member.draining,
        peer_address: member.addresses.peer.clone(),
        client_address: member.addresses.client.clone(),
        admin_address: member.addresses.admin.clone(),
    })
}
