//! What this node tells of its place in the cluster: its lease, and how far those it leads are behind.

use super::collector::FamilyKind::Gauge;
use super::{Metrics, MetricsError};
use crate::raft::Groups;

pub(super) fn add_membership(metrics: &Metrics, groups: &Groups) -> Result<(), MetricsError> {
    let fence = groups.fence().clone();
    let help = "1 while this node holds its lease and may serve clients, else 0.";
    metrics.add(Gauge, "quorate_lease_held", help, &[], move |samples| {
        samples.value(&[], u64::from(fence.is_held()));
    })?;
    let groups = groups.clone();
    let help = "Log entries of a Raft group that a member is not known to have; told by the group's leader.";
    let labels = &["group", "peer"];
    metrics.add(
        Gauge,
        "quorate_raft_lag_entries",
        help,
        labels,
        move |samples| {
            for number in 0..=u32::from(groups.shard_count()) {
                let leads = groups
                    .group_status(number)
                    .is_some_and(|group| group.leading);
                let Some(members) = groups.group_members(number).filter(|_| leads) else {
                    continue;
                };
                let group = match number.checked_sub(1) {
                    None => "control".to_owned(),
                    Some(shard) => format!("shard-{shard}"),
                };
                let others = members.voters.iter().chain(&members.learners);
                for node in others.filter(|node| **node != groups.node()) {
                    let matched = members.matched.get(node).copied().unwrap_or(0);
                    let peer = node.to_string();
                    let labels = [("group", &*group), ("peer", &*peer)];
                    samples.value(&labels, members.last.saturating_sub(matched));
                }
            }
        },
    )
}
