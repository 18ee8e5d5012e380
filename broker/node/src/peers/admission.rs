//! Whose chunks are taken: of this cluster, for this node, from members, from their newest life.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quorate_control::{Incarnation, NodeId};
use quorate_proto::peer::Chunk;

use super::error::Refusal;
use super::handlers::Sender;
use super::limits::STRANGERS_MAX;
use super::state::Identity;

/// Who this node is. Only the incarnation changes, and it only rises.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) cluster: u128,
    pub(super) node: NodeId,
    pub(super) incarnation: AtomicU64,
}

impl Local {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            cluster: identity.cluster,
            node: identity.node,
            incarnation: identity.incarnation.into(),
        }
    }

    pub(super) fn raise(&self, incarnation: Incarnation) {
        self.incarnation.fetch_max(incarnation, Relaxed);
    }
}

/// What is known of who may send.
#[derive(Debug, Default)]
pub(super) struct Admission(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// `None` until the members are known: then anybody of the cluster may send.
    members: Option<HashSet<NodeId>>,
    newest: HashMap<NodeId, Incarnation>,
}

impl Admission {
    /// Judges a chunk by what it says. `Ok` says whose it is and whether its life is news.
    pub(super) fn judge(&self, local: &Local, chunk: &Chunk) -> Result<(Sender, bool), Refusal> {
        if chunk.cluster.as_ref() != local.cluster.to_be_bytes() {
            return Err(Refusal::Cluster);
        }
        if chunk.receiver != local.node || chunk.sender == local.node {
            return Err(Refusal::Receiver);
        }
        let sender = Sender {
            node: chunk.sender,
            incarnation: chunk.incarnation,
        };
        self.known().meet(sender).map(|news| (sender, news))
    }

    /// From now on only these may send.
    pub(super) fn set_members(&self, members: HashSet<NodeId>) {
        let mut known = self.known();
        known.newest.retain(|node, _| members.contains(node));
        known.members = Some(members);
    }

    /// The newest life of a node that was heard of.
    pub(super) fn newest(&self, node: NodeId) -> Option<Incarnation> {
        self.known().newest.get(&node).copied()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn meet(&mut self, sender: Sender) -> Result<bool, Refusal> {
        if let Some(members) = &self.members
            && !members.contains(&sender.node)
        {
            return Err(Refusal::Member);
        }
        let is_full = self.newest.len() >= STRANGERS_MAX.max(self.members_count());
        match self.newest.get_mut(&sender.node) {
            Some(newest) if sender.incarnation < *newest => Err(Refusal::Incarnation),
            Some(newest) => Ok(std::mem::replace(newest, sender.incarnation) < sender.incarnation),
            None if is_full => Err(Refusal::Many),
            None => {
                self.newest.insert(sender.node, sender.incarnation);
                Ok(true)
            }
        }
    }

    fn members_count(&self) -> usize {
        self.members.as_ref().map_or(0, HashSet::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(cluster: u128, sender: NodeId, receiver: NodeId, incarnation: u64) -> Chunk {
        Chunk {
            cluster: cluster.to_be_bytes().to_vec().into(),
            sender,
            receiver,
            incarnation,
            ..Chunk::default()
        }
    }

    #[test]
    fn each_mismatch_has_its_reason() {
        let local = Local::new(Identity {
            cluster: 9,
            node: 1,
            incarnation: 4,
        });
        let admission = Admission::default();
        let judge = |chunk: Chunk| admission.judge(&local, &chunk).map(|(_, news)| news);
        assert_eq!(judge(chunk(8, 2, 1, 5)), Err(Refusal::Cluster));
        assert_eq!(judge(chunk(9, 2, 3, 5)), Err(Refusal::Receiver));
        assert_eq!(judge(chunk(9, 1, 1, 5)), Err(Refusal::Receiver));
        assert_eq!(judge(chunk(9, 2, 1, 5)), Ok(true));
        assert_eq!(judge(chunk(9, 2, 1, 5)), Ok(false));
        assert_eq!(judge(chunk(9, 2, 1, 4)), Err(Refusal::Incarnation));
        assert_eq!(judge(chunk(9, 2, 1, 6)), Ok(true));
        admission.set_members(HashSet::from([1, 3]));
        assert_eq!(judge(chunk(9, 2, 1, 7)), Err(Refusal::Member));
        assert_eq!(judge(chunk(9, 3, 1, 1)), Ok(true));
        assert_eq!(admission.newest(2), None);
    }
}
