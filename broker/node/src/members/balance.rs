//! Leaders spread over the voters, and moved away from a node that is to lead nothing.

use std::collections::BTreeSet;

use quorate_control::{NodeId, Role};
use tokio::time::Instant;

use super::limits::{BALANCE_AFTER, CATCH_UP_LAG_MAX, HANDED_OVER_KEPT, TRANSFER_WAIT};
use super::standing::Membership;
use crate::raft::{GroupMembers, Leadership};

/// Hands a group over to the voter that should lead it, if that is another one, and it can.
pub(super) async fn balance(
    membership: &Membership,
    place: usize,
    members: &GroupMembers,
    led_since: Instant,
) {
    let own = membership.node;
    let leaves = membership.is_draining() || is_draining(membership, own);
    let handed_over = membership.groups[place].handed_over_since();
    let is_new = led_since.elapsed() < BALANCE_AFTER
        || handed_over.is_some_and(|since| since < HANDED_OVER_KEPT);
    if !leaves && is_new {
        return;
    }
    let able: BTreeSet<NodeId> = members
        .voters
        .iter()
        .filter(|node| {
            if **node == own {
                return !leaves;
            }
            // One that is far from us may be far from everybody, and could hold no lease.
            members.near.contains(node) && can_lead(membership, members, **node)
        })
        .copied()
        .collect();
    let Some(to) = preferred(place, &able, own, leaves) else {
        return;
    };
    tracing::info!(group = place, to, "a group is handed over");
    hand_over(membership, place, to).await;
}

/// The node that should lead the group: shards go round the able voters. `None` leaves it where it is.
fn preferred(place: usize, able: &BTreeSet<NodeId>, own: NodeId, leaves: bool) -> Option<NodeId> {
    if able.is_empty() {
        return None;
    }
    // The control group stays where it is unless it must go; the shards are numbered from 1.
    let turn = match place.checked_sub(1) {
        Some(shard) => shard,
        None if leaves => 0,
        None => return None,
    };
    let to = able.iter().copied().nth(turn % able.len())?;
    (to != own).then_some(to)
}

/// Asks the voter to lead and waits until it does, or is known not to.
async fn hand_over(membership: &Membership, place: usize, to: NodeId) {
    let group = &membership.groups[place];
    let mut leader = group.leader();
    group.transfer(to).await;
    let moved = leader.wait_for(|leader| leader.is_some_and(|leader| leader != membership.node));
    if tokio::time::timeout(TRANSFER_WAIT, moved).await.is_err() {
        tracing::info!(group = place, to, "the group was not taken over");
    }
}

/// Hands a group over if this node leads it, trying the able voters one after the other.
pub(super) async fn leave(membership: &Membership, place: usize) {
    let group = &membership.groups[place];
    let members = group.members();
    let others = members
        .voters
        .iter()
        .filter(|node| can_lead(membership, &members, **node));
    let mut others: Vec<NodeId> = others.copied().collect();
    if !others.is_empty() {
        let first = place % others.len();
        others.rotate_left(first);
    }
    for to in others {
        let leads = *group.leadership().borrow() == Leadership::Leading;
        if !leads {
            return;
        }
        hand_over(membership, place, to).await;
    }
}

fn is_draining(membership: &Membership, node: NodeId) -> bool {
    let control = membership.control.borrow();
    control.member(node).is_some_and(|member| member.draining)
}

/// Whether another voter lives, is to lead, is connected and has the log.
fn can_lead(membership: &Membership, members: &GroupMembers, node: NodeId) -> bool {
    let control = membership.control.borrow();
    let willing = control
        .member(node)
        .is_some_and(|member| member.is_live() && !member.draining && member.role == Role::Voter);
    let matched = members.matched.get(&node).copied().unwrap_or(0);
    node != membership.node
        && willing
        && membership.peers.state().borrow().is_connected(node)
        && matched + CATCH_UP_LAG_MAX >= members.last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_go_round_and_control_stays() {
        let able = BTreeSet::from([1, 5, 9]);
        let leaders: Vec<_> = (0..5)
            .map(|place| preferred(place, &able, 1, false))
            .collect();
        assert_eq!(leaders, [None, None, Some(5), Some(9), None]);
    }

    #[test]
    fn a_node_that_leaves_keeps_nothing() {
        let able = BTreeSet::from([5, 9]);
        let leaders: Vec<_> = (0..3)
            .map(|place| preferred(place, &able, 1, true))
            .collect();
        assert_eq!(leaders, [Some(5), Some(5), Some(9)]);
        assert_eq!(preferred(0, &BTreeSet::new(), 1, true), None);
    }
}
