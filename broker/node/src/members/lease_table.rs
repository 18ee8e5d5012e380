//! What the control leader remembers of who renewed when. Gone with its leadership: the next leader counts
//! every lease anew, which only makes it wait longer.

use std::collections::{BTreeMap, BTreeSet};

use quorate_control::{Control, Incarnation, Life, Member, NodeId, Revision, Role};

use super::limits::{FRESH_MS, LEASE_MARGIN_MS, LEASE_MS};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LeaseTable {
    nodes: BTreeMap<NodeId, Seen>,
}

/// The present life of a node as the control leader sees it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    incarnation: Incarnation,
    /// When it was last granted, or first heard of.
    at: u64,
    /// When it last asked.
    asked: u64,
    /// The end of its lease is being committed: it gets no other.
    ending: bool,
    pub(super) report: Report,
}

/// What a node says of itself when it renews.
#[derive(Debug, Default, Clone)]
pub(super) struct Report {
    pub(super) unreachable: BTreeSet<NodeId>,
    pub(super) caught_up: bool,
    /// Groups it leads and the membership each has reached.
    pub(super) led: BTreeMap<u32, Revision>,
}

/// What a renewal comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This node does not lead, or cannot tell now.
    NotLeading,
    /// Go on.
    Granted,
    /// Not now.
    Suspended,
    /// This life is over.
    Over,
    /// No member any more.
    Removed,
}

impl LeaseTable {
    /// Forgets everything: a new leadership, or one that slept.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// A node asks, and this node is confirmed as the leader.
    pub(super) fn renew(
        &mut self,
        control: &Control,
        life: Life,
        report: Report,
        now: u64,
    ) -> Verdict {
        let member = match control.member(life.node) {
            None => return Verdict::Removed,
            Some(member) if member.role == Role::Removed => return Verdict::Removed,
            Some(member) => member,
        };
        if life.incarnation < member.incarnation {
            return Verdict::Over;
        }
        if life.incarnation > member.incarnation {
            // Its start is committed and not applied here: this node does not lead any more.
            return Verdict::NotLeading;
        }
        let seen = self.seen(life.node, member, now);
        seen.asked = now;
        seen.report = report;
        if member.lease_ended {
            Verdict::Over
        } else if member.suspended {
            Verdict::Suspended
        } else if seen.ending {
            Verdict::NotLeading
        } else {
            seen.at = now;
            Verdict::Granted
        }
    }

    /// Lives whose lease has run out; marked, so that they get none while that is committed. The leader's own
    /// never does: who can have that committed can as well go on.
    pub(super) fn run_out(&mut self, control: &Control, leader: NodeId, now: u64) -> Vec<Life> {
        let mut ended = Vec::new();
        for (node, member) in control.members().filter(|(node, _)| *node != leader) {
            let seen = self.seen(node, member, now);
            let over = now >= seen.at + LEASE_MS + LEASE_MARGIN_MS;
            if member.is_live() && over && !seen.ending {
                seen.ending = true;
                ended.push(Life {
                    node,
                    incarnation: member.incarnation,
                });
            }
        }
        ended
    }

    /// A life is about to lose its lease by a command.
    pub(super) fn end(&mut self, life: Life) {
        if let Some(seen) = self.nodes.get_mut(&life.node)
            && seen.incarnation == life.incarnation
        {
            seen.ending = true;
        }
    }

    /// The end that was to be committed is certainly not in the log.
    pub(super) fn not_ended(&mut self, life: Life) {
        if let Some(seen) = self.nodes.get_mut(&life.node)
            && seen.incarnation == life.incarnation
        {
            seen.ending = false;
        }
    }

    /// The last report of a node that asked lately.
    pub(super) fn fresh(&self, node: NodeId, now: u64) -> Option<&Report> {
        let seen = self.nodes.get(&node)?;
        (seen.asked + FRESH_MS >= now && seen.asked > 0).then_some(&seen.report)
    }

    /// Whether leaders say that each of `groups` groups has reached this membership.
    pub(super) fn all_reached(&self, groups: u32, revision: Revision) -> bool {
        let reached = |group| {
            let mut reports = self.nodes.values().map(|seen| &seen.report);
            reports.any(|report| report.led.get(&group) == Some(&revision))
        };
        (0..groups).all(reached)
    }

    fn seen(&mut self, node: NodeId, member: &Member, now: u64) -> &mut Seen {
        let seen = self.nodes.entry(node).or_default();
        if seen.incarnation != member.incarnation {
            *seen = Seen {
                incarnation: member.incarnation,
                at: now,
                ..Seen::default()
            };
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use quorate_control::{Bootstrap, Command, StartNode};

    use super::*;

    fn cluster() -> (Control, Life) {
        let mut control = Control::new();
        let bootstrap = Bootstrap {
            cluster_id: 7,
            shards: 1,
            format: 1,
        };
        control.apply(1, Command::Bootstrap(bootstrap));
        let start = StartNode {
            node: 1,
            name: String::new(),
            addresses: quorate_control::Addresses::default(),
        };
        control.apply(2, Command::StartNode(start));
        let life = Life {
            node: 1,
            incarnation: 2,
        };
        (control, life)
    }

    #[test]
    fn a_lease_that_runs_out_is_not_renewed_while_its_end_is_committed() {
        let (mut control, life) = cluster();
        let mut table = LeaseTable::default();
        let renew = |table: &mut LeaseTable, control: &Control, now| {
            table.renew(control, life, Report::default(), now)
        };
        assert_eq!(renew(&mut table, &control, 1_000), Verdict::Granted);
        let end = 1_000 + LEASE_MS + LEASE_MARGIN_MS;
        assert_eq!(table.run_out(&control, 9, end - 1), []);
        assert_eq!(table.run_out(&control, 9, end), [life]);
        assert_eq!(table.run_out(&control, 9, end), [], "once");
        assert_eq!(table.run_out(&control, 1, end * 2), [], "not the leader");
        assert_eq!(renew(&mut table, &control, end), Verdict::NotLeading);
        table.not_ended(life);
        assert_eq!(renew(&mut table, &control, end), Verdict::Granted);
        control.apply(3, Command::EndLease(life));
        assert_eq!(renew(&mut table, &control, end), Verdict::Over);
    }

    #[test]
    fn a_new_leader_waits_a_whole_lease_for_everybody() {
        let (control, life) = cluster();
        let mut table = LeaseTable::default();
        assert_eq!(table.run_out(&control, 9, 50_000), []);
        let end = 50_000 + LEASE_MS + LEASE_MARGIN_MS;
        assert_eq!(table.run_out(&control, 9, end - 1), []);
        assert_eq!(table.run_out(&control, 9, end), [life]);
    }

    #[test]
    fn strangers_and_older_lives_are_told_so() {
        let (control, life) = cluster();
        let mut table = LeaseTable::default();
        let older = Life {
            incarnation: 1,
            ..life
        };
        let stranger = Life { node: 9, ..life };
        let mut renew = |life| table.renew(&control, life, Report::default(), 1);
        assert_eq!(renew(older), Verdict::Over);
        assert_eq!(renew(stranger), Verdict::Removed);
    }
}
