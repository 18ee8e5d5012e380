//! One owner's interest on its way to the peers: versions, what each peer has acknowledged, who waits.
//! Decides what to send; sends nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use quorate_control::Life;
use quorate_router::{Interest, Scope};
use quorate_shard::ShardId;

use crate::worker::Confirm;

/// Whose interest it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The node's own: clean sessions, and QoS 0 of durable ones.
    Node,
    /// A shard's durable subscriptions; told by its leader.
    Shard(ShardId),
}

/// One change of interest in a filter.
pub(super) type Change = (Arc<str>, Interest);

/// Changes in one message to a peer; a first full set may need several.
const MESSAGE_CHANGES_MAX: usize = 4_096;
/// Deltas kept for peers that lag; beyond it they get the full set instead.
const DELTAS_KEPT_MAX: usize = 65_536;

/// What to tell a peer next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) term: u64,
    /// Version the peer must have; `None` replaces whatever it has.
    pub(super) from: Option<u64>,
    /// Version it has afterwards.
    pub(super) to: u64,
    pub(super) changes: Vec<Change>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Feed {
    /// Orders feeds of one source: the leader's term, or the node's incarnation.
    term: u64,
    version: u64,
    filters: HashMap<Arc<str>, Scope, foldhash::fast::RandomState>,
    /// The last changes; the first of them made version `deltas_from + 1`.
    deltas: Vec<Change>,
    deltas_from: u64,
    /// By life: a node that begins anew knows nothing of what it acknowledged before.
    peers: BTreeMap<Life, PeerState>,
    barriers: Vec<(u64, Confirm)>,
}

#[derive(Debug, Default)]
struct PeerState {
    /// What it routes by; `None` until it has a full set.
    acknowledged: Option<u64>,
    /// An update is on its way.
    busy: bool,
}

impl Feed {
    /// Starts over as the owner of `term`, with all that is wanted.
    pub(super) fn restart(&mut self, term: u64, filters: impl Iterator<Item = (Arc<str>, Scope)>) {
        self.term = term;
        self.filters = filters.collect();
        self.version += 1;
        self.forget_deltas();
        for peer in self.peers.values_mut() {
            peer.acknowledged = None;
        }
    }

    /// Notes changes, one version each.
    pub(super) fn change(&mut self, changes: impl Iterator<Item = Change>) {
        for (filter, interest) in changes {
            match interest {
                Some(scope) => self.filters.insert(filter.clone(), scope),
                None => self.filters.remove(&filter),
            };
            self.version += 1;
            self.deltas.push((filter, interest));
        }
        if self.deltas.len() > DELTAS_KEPT_MAX {
            self.forget_deltas();
        }
    }

    /// Holds `confirm` until every live peer routes by the present version: [`Self::take_passed`] gives it.
    pub(super) fn barrier(&mut self, confirm: Confirm) {
        self.barriers.push((self.version, confirm));
    }

    /// Lets those go whose barrier has passed; to be dropped outside any lock.
    pub(super) fn take_passed(&mut self, live: &[Life]) -> Vec<Confirm> {
        self.peers.retain(|peer, _| live.contains(peer));
        let barriers = std::mem::take(&mut self.barriers);
        let (passed, waiting) = barriers
            .into_iter()
            .partition(|(version, _)| self.passed(*version, live));
        self.barriers = waiting;
        Vec::into_iter(passed).map(|(_, confirm)| confirm).collect()
    }

    /// Everybody who waits for a barrier of this feed, which ends.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = Confirm> {
        self.barriers.into_iter().map(|(_, confirm)| confirm)
    }

    /// What to tell a peer now, if it lacks something and nothing is on its way.
    pub(super) fn next_update(&mut self, peer: Life) -> Option<Update> {
        let state = self.peers.entry(peer).or_default();
        if state.busy || state.acknowledged == Some(self.version) {
            return None;
        }
        state.busy = true;
        let (term, to) = (self.term, self.version);
        let known = state
            .acknowledged
            .filter(|version| *version >= self.deltas_from);
        let Some(from) = known else {
            let all = self
                .filters
                .iter()
                .map(|(filter, scope)| (filter.clone(), Some(*scope)));
            return Some(Update {
                term,
                from: None,
                to,
                changes: all.collect(),
            });
        };
        let start = (from - self.deltas_from) as usize;
        let end = self.deltas.len().min(start + MESSAGE_CHANGES_MAX);
        let to = self.deltas_from + end as u64;
        Some(Update {
            term,
            from: Some(from),
            to,
            changes: self.deltas[start..end].to_vec(),
        })
    }

    /// The peer routes by `version` of `term`.
    pub(super) fn acknowledged(&mut self, peer: Life, term: u64, version: u64) {
        let Some(state) = self.peers.get_mut(&peer) else {
            return;
        };
        state.busy = false;
        if term == self.term {
            state.acknowledged = Some(version);
        }
    }

    /// The peer did not take an update, or lost what it had: it gets the full set next.
    pub(super) fn failed(&mut self, peer: Life) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.busy = false;
            state.acknowledged = None;
        }
    }

    fn passed(&self, version: u64, live: &[Life]) -> bool {
        live.iter().all(|peer| {
            let state = self.peers.get(peer);
            state
                .and_then(|state| state.acknowledged)
                .is_some_and(|known| known >= version)
        })
    }

    fn forget_deltas(&mut self) {
        self.deltas.clear();
        self.deltas_from = self.version;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::worker::OnDrop;

    const TWO: Life = Life {
        node: 2,
        incarnation: 20,
    };
    const THREE: Life = Life {
        node: 3,
        incarnation: 30,
    };

    fn added(filter: &str) -> Change {
        (filter.into(), Some(Scope::Every))
    }

    #[test]
    fn a_peer_gets_the_full_set_first_and_deltas_after() {
        let mut feed = Feed::default();
        feed.restart(7, [("a".into(), Scope::Every)].into_iter());
        let first = feed.next_update(TWO).unwrap();
        assert_eq!((first.term, first.from, first.changes.len()), (7, None, 1));
        feed.change([added("b")].into_iter());
        assert_eq!(feed.next_update(TWO), None, "one at a time");
        feed.acknowledged(TWO, 7, first.to);
        let second = feed.next_update(TWO).unwrap();
        assert_eq!(
            (second.from, &second.changes),
            (Some(first.to), &vec![added("b")])
        );
        feed.failed(TWO);
        assert_eq!(feed.next_update(TWO).unwrap().from, None);
    }

    #[test]
    fn a_barrier_waits_for_live_peers_only() {
        let mut feed = Feed::default();
        feed.restart(1, std::iter::empty());
        feed.change([added("a")].into_iter());
        let passed = Arc::new(AtomicBool::new(false));
        let flag = passed.clone();
        feed.barrier(OnDrop::new(Box::new(move || {
            flag.store(true, Ordering::SeqCst)
        })));
        let update = feed.next_update(TWO).unwrap();
        feed.acknowledged(TWO, 1, update.to);
        drop(feed.take_passed(&[TWO, THREE]));
        assert!(!passed.load(Ordering::SeqCst));
        drop(feed.take_passed(&[TWO]));
        assert!(passed.load(Ordering::SeqCst));
    }

    #[test]
    fn an_acknowledgement_of_an_older_term_does_not_count() {
        let mut feed = Feed::default();
        feed.restart(1, std::iter::empty());
        let update = feed.next_update(TWO).unwrap();
        feed.restart(2, std::iter::empty());
        feed.acknowledged(TWO, update.term, update.to);
        assert_eq!(feed.next_update(TWO).unwrap().from, None);
    }

    #[test]
    fn a_node_that_begins_anew_gets_the_full_set_and_is_waited_for() {
        let mut feed = Feed::default();
        feed.restart(1, std::iter::empty());
        feed.change([added("a")].into_iter());
        let update = feed.next_update(TWO).unwrap();
        feed.acknowledged(TWO, 1, update.to);
        let anew = Life {
            incarnation: 21,
            ..TWO
        };
        feed.barrier(OnDrop::new(Box::new(|| {})));
        assert!(feed.take_passed(&[anew]).is_empty());
        feed.acknowledged(TWO, 1, update.to);
        assert_eq!(feed.next_update(anew).unwrap().from, None);
        feed.acknowledged(anew, 1, update.to);
        assert_eq!(feed.take_passed(&[anew]).len(), 1);
    }
}
