//! The leader of a group brings the group's members to the wanted ones, one change at a time: newcomers as
//! learners first, votes for those who have the log, the leadership handed over before the leader itself goes.

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_control::{NodeId, Wanted};
use tokio::time::Instant;

use super::balance;
use super::limits::{
    CATCH_UP_LAG_MAX, CONVERGE_INTERVAL, LEAD_WITHOUT_LEASE_MAX, LEAD_WITHOUT_QUORUM_MAX,
};
use super::standing::Membership;
use crate::raft::{GroupMembers, Leadership};

/// One change of a group's members.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The group is as wanted.
    Reached,
    /// Something has to happen first.
    Wait,
    /// A newcomer.
    Add(NodeId),
    /// Other voters.
    Vote(BTreeSet<NodeId>),
    /// Members that go.
    Remove(BTreeSet<NodeId>),
    /// The leader is to lose its vote: another one leads first.
    HandOver(NodeId),
}

/// Works on one group for as long as this node lives; acts while it leads the group.
pub(super) async fn converge(membership: Arc<Membership>, place: usize) {
    let group = membership.groups[place].clone();
    let mut leadership = group.leadership();
    let mut led_since = None;
    let mut served_at = Instant::now();
    loop {
        if *leadership.borrow_and_update() != Leadership::Leading {
            led_since = None;
            membership.reach(place, 0);
            if leadership.changed().await.is_err() {
                return;
            }
            continue;
        }
        let since = *led_since.get_or_insert_with(Instant::now);
        if membership.fence.is_held() {
            served_at = Instant::now();
        } else if served_at.max(since).elapsed() > LEAD_WITHOUT_LEASE_MAX {
            // Somebody cannot reach it: whoever leads must be reached by all that serve.
            balance::leave(&membership, place).await;
        }
        if since.elapsed() > LEAD_WITHOUT_QUORUM_MAX
            && !group.was_confirmed_within(LEAD_WITHOUT_QUORUM_MAX)
        {
            // It is too far from the others to hold Raft's lease, and so refuses everything; they follow it all the same.
            balance::leave(&membership, place).await;
        }
        let control = membership.state();
        if membership.is_current(&control) {
            let wanted = control.wanted();
            let members = group.members();
            let step = step(membership.node, &wanted, &members);
            if step == Step::Reached {
                membership.reach(place, wanted.revision);
                balance::balance(&membership, place, &members, since).await;
            } else {
                membership.reach(place, 0);
                take(&membership, place, step).await;
            }
        }
        tokio::select! {
            changed = leadership.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(CONVERGE_INTERVAL) => {}
        }
    }
}

async fn take(membership: &Membership, place: usize, step: Step) {
    let group = &membership.groups[place];
    let changed = match step {
        Step::Reached | Step::Wait => return,
        Step::Add(node) => group.add_learner(node).await,
        Step::Vote(voters) => {
            tracing::info!(group = place, ?voters, "the voters of a group change");
            group.set_voters(voters).await
        }
        Step::Remove(nodes) => group.remove(nodes).await,
        Step::HandOver(to) => {
            tracing::info!(group = place, to, "a group is handed over: its leader goes");
            group.transfer(to).await;
            Ok(())
        }
    };
    if let Err(error) = changed {
        tracing::debug!(group = place, %error, "trying again");
    }
}

/// What is to be done next.
fn step(leader: NodeId, wanted: &Wanted, members: &GroupMembers) -> Step {
    if !members.settled {
        return finish(wanted, members);
    }
    let present: BTreeSet<NodeId> = members.voters.union(&members.learners).copied().collect();
    let mut all = wanted.voters.union(&wanted.learners);
    if let Some(newcomer) = all.find(|node| !present.contains(node)) {
        return Step::Add(*newcomer);
    }
    let has_log = |node: &NodeId| {
        let matched = members.matched.get(node).copied().unwrap_or(0);
        *node == leader || matched + CATCH_UP_LAG_MAX >= members.last
    };
    let ready = |node: &&NodeId| members.voters.contains(node) || has_log(node);
    let voters: BTreeSet<NodeId> = wanted.voters.iter().filter(ready).copied().collect();
    if voters != members.voters && !voters.is_empty() {
        if voters.contains(&leader) {
            return Step::Vote(voters);
        }
        let successor = voters
            .iter()
            .find(|node| members.voters.contains(node) && has_log(node));
        // Who is to lead must have a vote first.
        let both = || members.voters.union(&voters).copied().collect();
        return match successor {
            Some(successor) => Step::HandOver(*successor),
            None if voters.is_subset(&members.voters) => Step::Wait,
            None => Step::Vote(both()),
        };
    }
    let gone = |node: &&NodeId| !wanted.voters.contains(node) && !wanted.learners.contains(node);
    let gone: BTreeSet<NodeId> = members.learners.iter().filter(gone).copied().collect();
    if !gone.is_empty() {
        Step::Remove(gone)
    } else if voters == wanted.voters {
        Step::Reached
    } else {
        Step::Wait
    }
}

/// A change that a former leader left half done is finished; one that is being committed is waited for.
fn finish(wanted: &Wanted, members: &GroupMembers) -> Step {
    let voters: BTreeSet<NodeId> = members
        .voters
        .intersection(&wanted.voters)
        .copied()
        .collect();
    if members.joint && !voters.is_empty() {
        Step::Vote(voters)
    } else {
        Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(voters: &[NodeId], learners: &[NodeId]) -> GroupMembers {
        let all = voters.iter().chain(learners);
        GroupMembers {
            voters: voters.iter().copied().collect(),
            learners: learners.iter().copied().collect(),
            settled: true,
            joint: false,
            last: 1_000,
            matched: all.clone().map(|node| (*node, 1_000)).collect(),
            near: all.copied().collect(),
        }
    }

    fn wanted(voters: &[NodeId], learners: &[NodeId]) -> Wanted {
        Wanted {
            revision: 9,
            voters: voters.iter().copied().collect(),
            learners: learners.iter().copied().collect(),
        }
    }

    #[test]
    fn newcomers_learn_before_they_vote() {
        assert_eq!(
            step(1, &wanted(&[1], &[2]), &members(&[1], &[])),
            Step::Add(2)
        );
        let mut behind = members(&[1], &[2]);
        assert_eq!(step(1, &wanted(&[1], &[2]), &behind), Step::Reached);
        behind.matched.insert(2, 3);
        assert_eq!(step(1, &wanted(&[1, 2], &[]), &behind), Step::Wait);
        behind.matched.insert(2, 990);
        let both = Step::Vote([1, 2].into());
        assert_eq!(step(1, &wanted(&[1, 2], &[]), &behind), both);
    }

    #[test]
    fn a_leader_hands_over_before_it_goes() {
        let group = members(&[1, 2, 3], &[]);
        assert_eq!(step(1, &wanted(&[2, 3], &[]), &group), Step::HandOver(2));
        assert_eq!(
            step(2, &wanted(&[2, 3], &[]), &group),
            Step::Vote([2, 3].into())
        );
        let after = members(&[2, 3], &[1]);
        assert_eq!(
            step(2, &wanted(&[2, 3], &[]), &after),
            Step::Remove([1].into())
        );
        assert_eq!(step(2, &wanted(&[2, 3], &[1]), &after), Step::Reached);
    }

    #[test]
    fn the_only_voter_is_replaced_by_way_of_two() {
        let group = members(&[1], &[2]);
        assert_eq!(
            step(1, &wanted(&[2], &[]), &group),
            Step::Vote([1, 2].into())
        );
    }

    #[test]
    fn a_change_under_way_is_waited_for_and_a_joint_one_finished() {
        let mut group = members(&[1, 2, 3], &[]);
        group.settled = false;
        assert_eq!(step(1, &wanted(&[1, 2], &[]), &group), Step::Wait);
        group.joint = true;
        assert_eq!(
            step(1, &wanted(&[1, 2], &[]), &group),
            Step::Vote([1, 2].into())
        );
    }
}
