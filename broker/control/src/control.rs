//! The state machine: cluster, slot map and members.

use std::collections::BTreeMap;

use crate::command::{Bootstrap, Command, NodeId, Outcome, Refusal, Revision};
use crate::member::{Member, Role, Wanted};
use crate::slot::SlotMap;
use crate::snapshot::{Record, RestoreError};

/// Members remembered, removed ones included; a cluster has at most 7 voters and some gateways, and ids are
/// never reused.
pub const MEMBERS_MAX: usize = 1_024;

/// The control group's replicated state.
///
/// Input is [`Control::apply`], called with committed commands in log order; everything else reads.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Control {
    applied: u64,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) members: BTreeMap<NodeId, Member>,
    pub(crate) revision: Revision,
}

/// What the bootstrap fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Random id of the cluster.
    pub id: u128,
    /// Version of the durable formats.
    pub format: u32,
    /// Which shard holds which slot.
    pub slots: SlotMap,
}

impl Control {
    /// The state before the first command.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state that the records of another replica's snapshot describe.
    pub fn restore(records: impl IntoIterator<Item = Record>) -> Result<Self, RestoreError> {
        let mut control = Self::new();
        let mut count = 0;
        let mut ended = false;
        for record in records {
            let ordered = !ended && (count == 0) == matches!(record, Record::Header { .. });
            ended = matches!(record, Record::End { .. });
            let fit = if ordered {
                control.take(count, record)
            } else {
                Err("out of order")
            };
            fit.map_err(|reason| RestoreError::Misplaced {
                record: count,
                reason,
            })?;
            count += 1;
        }
        if ended {
            Ok(control)
        } else {
            Err(RestoreError::Incomplete { records: count })
        }
    }

    /// Applies one committed command. `index` is the entry's place in the log and must be above that of
    /// every command before. Total: it never panics, whatever the command contains.
    pub fn apply(&mut self, index: u64, command: Command) -> Outcome {
        assert!(
            index > self.applied,
            "log entries are applied once and in order"
        );
        self.applied = index;
        match command {
            Command::Bootstrap(bootstrap) => self.bootstrap(&bootstrap),
            Command::Join(join) => self.join(index, join),
            Command::StartNode(start) => self.start_node(index, start),
            Command::SetRole(change) => self.set_role(index, change),
            Command::Left(left) => self.left(index, left),
            Command::EndLease(life) => self.end_lease(life),
            Command::Suspend(life) => self.suspend(life),
            Command::Resume(node) => self.resume(node),
            Command::SetDraining(change) => self.set_draining(change),
        }
    }

    /// Index of the last applied command; 0 before the first.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What the bootstrap fixed; `None` before it.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// A member.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.get(&node)
    }

    /// All members, by id.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> + '_ {
        self.members.iter().map(|(node, member)| (*node, member))
    }

    /// Version of the wanted membership; 0 before the first member.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The membership that all groups are to have.
    pub fn wanted(&self) -> Wanted {
        let with = |role: Role| {
            let members = self.members.iter();
            members
                .filter(move |(_, member)| member.role == role)
                .map(|(node, _)| *node)
                .collect()
        };
        Wanted {
            revision: self.revision,
            voters: with(Role::Voter),
            learners: with(Role::Learner),
        }
    }

    /// The state as records in canonical order; two replicas that applied the same commands yield the same.
    pub fn snapshot_records(&self) -> impl Iterator<Item = Record> + '_ {
        let header = Record::Header {
            applied: self.applied,
            cluster_id: self.cluster.as_ref().map_or(0, |cluster| cluster.id),
            format: self.cluster.as_ref().map_or(0, |cluster| cluster.format),
            shards: self
                .cluster
                .as_ref()
                .map_or(0, |cluster| cluster.slots.shard_count()),
            slots: self
                .cluster
                .as_ref()
                .map_or_else(Vec::new, |cluster| cluster.slots.slots().to_vec()),
            revision: self.revision,
        };
        let members = self.members.iter().map(|(node, member)| Record::Member {
            node: *node,
            member: member.clone(),
        });
        let records = 1 + self.members.len() as u64;
        std::iter::once(header)
            .chain(members)
            .chain(std::iter::once(Record::End { records }))
    }

    fn bootstrap(&mut self, bootstrap: &Bootstrap) -> Outcome {
        if self.cluster.is_some() {
            return Outcome::Refused(Refusal::AlreadyBootstrapped);
        }
        let Some(slots) = SlotMap::even(bootstrap.shards) else {
            return Outcome::Refused(Refusal::ShardCount);
        };
        self.cluster = Some(Cluster {
            id: bootstrap.cluster_id,
            format: bootstrap.format,
            slots,
        });
        Outcome::Done
    }

    /// Puts one record of a snapshot in its place; an error says why it has none.
    fn take(&mut self, number: u64, record: Record) -> Result<(), &'static str> {
        match record {
            Record::Header {
                applied,
                cluster_id,
                format,
                shards,
                slots,
                revision,
            } => {
                self.applied = applied;
                self.revision = revision;
                if shards != 0 {
                    let slots = SlotMap::from_slots(slots, shards)
                        .ok_or("the slot map does not fit the shards")?;
                    self.cluster = Some(Cluster {
                        id: cluster_id,
                        format,
                        slots,
                    });
                }
                Ok(())
            }
            Record::Member { node, member } => {
                if self
                    .members
                    .last_key_value()
                    .is_some_and(|(last, _)| *last >= node)
                {
                    return Err("members out of order");
                }
                self.members.insert(node, member);
                Ok(())
            }
            Record::End { records } if records == number => Ok(()),
            Record::End { .. } => Err("the end counts another number of records"),
        }
    }
}
