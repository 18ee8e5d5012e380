//! Client id → the connection that holds it on this node: found by takeover, fenced by epoch.
//!
//! Touched when a client connects, leaves or is taken over, never by a publish.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use quorate_router::ConnectionId;
use quorate_shard::Epoch;

/// Parts of the map, so that a storm of connects does not queue at one lock.
const PARTS: usize = 16;

/// How long a claim of another node keeps older ones from opening: several times as long as a CONNECT may
/// wait for its own claim. Bounds their number to the takeovers of that time.
const FENCE_KEPT: Duration = Duration::from_secs(60);

type Part = HashMap<Arc<str>, Entry, foldhash::fast::RandomState>;

/// See the module.
#[derive(Debug, Default)]
pub struct Registry {
    parts: [Mutex<Part>; PARTS],
    /// Claims of other nodes, oldest first.
    fences: Mutex<VecDeque<(Instant, Arc<str>, Epoch)>>,
    hasher: foldhash::fast::FixedState,
}

/// Who holds a client id here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The newest claim this node knows of; older ones must not open (P3).
    pub epoch: Epoch,
    /// The connection and its worker, once it is open.
    pub connection: Option<(u16, ConnectionId)>,
}

impl Registry {
    /// Notes that a claim holds; returns the entry it replaces, whose connection must be closed.
    ///
    /// # Errors
    /// A newer claim is known already and stays: the caller's own is stale.
    pub fn claim(&self, client_id: &Arc<str>, epoch: Epoch) -> Result<Option<Entry>, Entry> {
        let mut part = self.part(client_id);
        match part.get(client_id) {
            Some(entry) if entry.epoch > epoch => Err(*entry),
            _ => Ok(part.insert(
                client_id.clone(),
                Entry {
                    epoch,
                    connection: None,
                },
            )),
        }
    }

    /// Notes a claim of another node: no older one of this node may open any more. The connection that has
    /// to be closed for it, if there is one.
    ///
    /// Nobody closes such a claim here, so it is forgotten after a while: later than any claim that was on its
    /// way when it came has opened or been given up.
    pub fn fence(&self, client_id: &Arc<str>, epoch: Epoch) -> Option<(u16, ConnectionId)> {
        let before = self.claim(client_id, epoch);
        let now = Instant::now();
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        fences.push_back((now, client_id.clone(), epoch));
        while let Some((since, client_id, epoch)) = fences.front()
            && now - *since > FENCE_KEPT
        {
            self.close(client_id, *epoch);
            fences.pop_front();
        }
        before.ok()??.connection
    }

    /// Notes the connection of a claim; `false` when a newer claim has come meanwhile.
    pub fn open(
        &self,
        client_id: &str,
        epoch: Epoch,
        worker: u16,
        connection: ConnectionId,
    ) -> bool {
        match self.part(client_id).get_mut(client_id) {
            Some(entry) if entry.epoch == epoch => {
                entry.connection = Some((worker, connection));
                true
            }
            _ => false,
        }
    }

    /// Forgets a claim whose connection has ended, unless a newer one took its place.
    pub fn close(&self, client_id: &str, epoch: Epoch) {
        let mut part = self.part(client_id);
        if part
            .get(client_id)
            .is_some_and(|entry| entry.epoch == epoch)
        {
            part.remove(client_id);
        }
    }

    fn part(&self, client_id: &str) -> std::sync::MutexGuard<'_, Part> {
        use std::hash::BuildHasher;
        let hash = self.hasher.hash_one(client_id) as usize;
        self.parts[hash % PARTS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_of_another_node_keeps_older_ones_out() {
        let registry = Registry::default();
        let id: Arc<str> = "a".into();
        let connection = ConnectionId {
            index: 1,
            generation: 1,
        };
        assert_eq!(registry.claim(&id, 1), Ok(None));
        assert!(registry.open("a", 1, 3, connection));
        assert_eq!(registry.fence(&id, 3), Some((3, connection)));
        assert!(registry.claim(&id, 2).is_err(), "it was on its way");
        assert_eq!(registry.fence(&id, 2), None, "it is no news");
        assert_eq!(registry.claim(&id, 4).unwrap().unwrap().epoch, 3);
    }

    #[test]
    fn an_older_claim_never_opens_after_a_newer_one() {
        let registry = Registry::default();
        let id: Arc<str> = "a".into();
        assert_eq!(registry.claim(&id, 1), Ok(None));
        assert_eq!(registry.claim(&id, 2).unwrap().unwrap().epoch, 1);
        assert!(!registry.open(
            "a",
            1,
            0,
            ConnectionId {
                index: 1,
                generation: 1
            }
        ));
        assert!(registry.open(
            "a",
            2,
            0,
            ConnectionId {
                index: 2,
                generation: 1
            }
        ));
        assert!(registry.claim(&id, 1).is_err());
        registry.close("a", 1);
        assert!(registry.part("a").contains_key("a"));
        registry.close("a", 2);
        assert!(!registry.part("a").contains_key("a"));
    }
}
