//! Idempotence of batches (design 2.1): what each proposing node has had applied, with the outcomes of its
//! last batches, so that a batch proposed twice is applied once and answered twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::applied::Refusal;
use crate::limits::{PROPOSER_BATCHES_KEPT_MAX, PROPOSERS_MAX};
use crate::outcome::Outcome;
use crate::record::ProposerRecord;
use crate::types::{Incarnation, NodeId};

/// Proposers by node.
#[derive(Debug, Default)]
pub(crate) struct Proposers {
    nodes: BTreeMap<NodeId, Proposer>,
}

#[derive(Debug, Default)]
struct Proposer {
    incarnation: Incarnation,
    applied: u64,
    sequence: u64,
    outcomes: VecDeque<Arc<[Outcome]>>,
}

/// What is to be done with a batch.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Apply it.
    Fresh,
    /// It was applied, and came to this.
    Duplicate(Arc<[Outcome]>),
    /// Leave it.
    Refused(Refusal),
}

impl Proposers {
    /// Judges a batch; changes nothing.
    pub(crate) fn judge(&self, node: NodeId, incarnation: Incarnation, sequence: u64) -> Verdict {
        let (current, last, kept) = match self.nodes.get(&node) {
            Some(proposer) if incarnation < proposer.incarnation => {
                return Verdict::Refused(Refusal::OlderIncarnation {
                    current: proposer.incarnation,
                });
            }
            Some(proposer) => (
                proposer.incarnation,
                proposer.sequence,
                Some(&proposer.outcomes),
            ),
            None => (incarnation, 0, None),
        };
        let expected = if incarnation > current { 1 } else { last + 1 };
        if sequence >= expected {
            return if sequence == expected {
                Verdict::Fresh
            } else {
                Verdict::Refused(Refusal::Gap { expected })
            };
        }
        let back = usize::try_from(last - sequence).unwrap_or(usize::MAX);
        let kept_count = kept.map_or(0, VecDeque::len);
        kept.and_then(|kept| kept.get(kept_count.checked_sub(back + 1)?))
            .map_or(
                Verdict::Refused(Refusal::Forgotten {
                    oldest: expected - kept_count as u64,
                }),
                |outcomes| Verdict::Duplicate(outcomes.clone()),
            )
    }

    /// Remembers what a fresh batch of log index `index` came to.
    pub(crate) fn record(
        &mut self,
        (node, incarnation, sequence): (NodeId, Incarnation, u64),
        index: u64,
        outcomes: Arc<[Outcome]>,
    ) {
        let proposer = self.nodes.entry(node).or_default();
        if incarnation < proposer.incarnation {
            // The batch itself fenced this life off.
            return;
        }
        if incarnation > proposer.incarnation {
            *proposer = Proposer {
                incarnation,
                ..Proposer::default()
            };
        }
        if sequence != proposer.sequence + 1 {
            // A repeat that a test's fault let through.
            return;
        }
        proposer.applied = index;
        proposer.sequence = sequence;
        proposer.outcomes.push_back(outcomes);
        if proposer.outcomes.len() > PROPOSER_BATCHES_KEPT_MAX {
            proposer.outcomes.pop_front();
        }
        self.drop_silent();
    }

    /// Lives of the node before `before` are over: what they still have on the way is refused.
    pub(crate) fn fence(&mut self, node: NodeId, before: Incarnation, index: u64) {
        let proposer = self.nodes.entry(node).or_default();
        if proposer.incarnation < before {
            *proposer = Proposer {
                incarnation: before,
                applied: index,
                ..Proposer::default()
            };
        }
        self.drop_silent();
    }

    /// All proposers, by node.
    pub(crate) fn records(&self) -> impl Iterator<Item = ProposerRecord> + '_ {
        self.nodes.iter().map(|(node, proposer)| ProposerRecord {
            node: *node,
            incarnation: proposer.incarnation,
            applied: proposer.applied,
            sequence: proposer.sequence,
            outcomes: proposer.outcomes.iter().cloned().collect(),
        })
    }

    /// Puts a snapshot's proposer back. False if it does not fit.
    pub(crate) fn restore(&mut self, record: ProposerRecord) -> bool {
        let ProposerRecord {
            node,
            incarnation,
            applied,
            sequence,
            outcomes,
        } = record;
        let kept = outcomes.len();
        let fits = kept <= PROPOSER_BATCHES_KEPT_MAX && kept as u64 <= sequence;
        let ascends = self
            .nodes
            .last_key_value()
            .is_none_or(|(last, _)| *last < node);
        if !fits || !ascends || self.nodes.len() >= PROPOSERS_MAX {
            return false;
        }
        let outcomes = outcomes.into();
        self.nodes.insert(
            node,
            Proposer {
                incarnation,
                applied,
                sequence,
                outcomes,
            },
        );
        true
    }

    fn drop_silent(&mut self) {
        if self.nodes.len() <= PROPOSERS_MAX {
            return;
        }
        let silent = self
            .nodes
            .iter()
            .min_by_key(|(_, proposer)| proposer.applied);
        if let Some(node) = silent.map(|(node, _)| *node) {
            self.nodes.remove(&node);
        }
    }
}
