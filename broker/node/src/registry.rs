//! Client id → the connection that holds it on this node: found by takeover, fenced by epoch.
//!
//! Touched when a client connects, leaves or is taken over, never by a publish.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_router::ConnectionId;
use quorate_shard::Epoch;

/// Parts of the map, so that a storm of connects does not queue at one lock.
const PARTS: usize = 16;

type Part = HashMap<Arc<str>, Entry, foldhash::fast::RandomState>;

/// See the module.
#[derive(Debug, Default)]
pub struct Registry {
    parts: [Mutex<Part>; PARTS],
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
