//! Cuts between two nodes that both reach the control leader: one of the two must stop, or neither could ever
//! be sure that the other routes what it must.

use std::collections::BTreeMap;

use quorate_control::{Control, Life, NodeId};

use super::lease_table::LeaseTable;
use super::limits::{CUT_MS_MAX, RESUME_MS};

/// Since when which pair is cut, and which suspended node is whole again.
#[derive(Debug, Default)]
pub(super) struct Links {
    cut: BTreeMap<(NodeId, NodeId), u64>,
    whole: BTreeMap<NodeId, u64>,
}

impl Links {
    /// The life that has to stop because of a cut that lasts; the one with the higher id, but never the
    /// leader's own.
    pub(super) fn cut(
        &mut self,
        control: &Control,
        table: &LeaseTable,
        leader: NodeId,
        now: u64,
    ) -> Option<Life> {
        let live: Vec<NodeId> = control
            .members()
            .filter(|(node, member)| member.is_live() && table.fresh(*node, now).is_some())
            .map(|(node, _)| node)
            .collect();
        let mut cut = BTreeMap::new();
        for a in &live {
            for b in live.iter().filter(|b| *b > a) {
                if is_cut(table, *a, *b, now) {
                    let since = self.cut.get(&(*a, *b)).copied().unwrap_or(now);
                    cut.insert((*a, *b), since);
                }
            }
        }
        self.cut = cut;
        let lasting = |(_, since): &(&(NodeId, NodeId), &u64)| now >= **since + CUT_MS_MAX;
        let ((a, b), _) = self.cut.iter().find(lasting)?;
        let node = if *b == leader { *a } else { *b };
        let incarnation = control.member(node)?.incarnation;
        Some(Life { node, incarnation })
    }

    /// Suspended nodes that nobody live is cut off from.
    pub(super) fn resumable(
        &mut self,
        control: &Control,
        table: &LeaseTable,
        now: u64,
    ) -> Vec<NodeId> {
        let suspended = control.members().filter(|(_, member)| member.suspended);
        let mut whole = BTreeMap::new();
        for (node, member) in suspended {
            let mut others = control.members().filter(|(_, other)| other.is_live());
            let fresh = table.fresh(node, now).is_some() && !member.lease_ended;
            if fresh && others.all(|(other, _)| !is_cut(table, node, other, now)) {
                whole.insert(node, self.whole.get(&node).copied().unwrap_or(now));
            }
        }
        self.whole = whole;
        let lasting = self
            .whole
            .iter()
            .filter(|(_, since)| now >= **since + RESUME_MS);
        lasting.map(|(node, _)| *node).collect()
    }
}

fn is_cut(table: &LeaseTable, a: NodeId, b: NodeId, now: u64) -> bool {
    let misses = |from, to| {
        let report = table.fresh(from, now);
        report.is_some_and(|report| report.unreachable.contains(&to))
    };
    misses(a, b) || misses(b, a)
}
