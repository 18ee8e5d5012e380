//! Whether this node may speak for the cluster: it holds a lease, or not. Read on every turn of a worker, so
//! it is a clock and one number; a node that was stopped for long sees it before it says anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::clock::now_ms;

/// A lease that does not end: a node that is alone asks nobody.
const FOREVER: u64 = u64::MAX;

/// Whether this node holds its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does: clients are served.
    Held,
    /// It does not: nothing may be acknowledged, clients are sent away, no new ones are taken.
    Lost,
}

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fence(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// End of the lease on the lease clock.
    until: AtomicU64,
    told: watch::Sender<Standing>,
}

impl Default for Fence {
    /// No lease yet.
    fn default() -> Self {
        Self(Arc::new(Inner {
            until: AtomicU64::new(0),
            told: watch::Sender::new(Standing::Lost),
        }))
    }
}

impl Fence {
    /// One that is always held; for a node without a cluster, and for tests.
    pub fn open() -> Self {
        let fence = Self::default();
        fence.hold_forever();
        fence
    }

    /// Whether the lease is held right now. Reads the clock: true a moment ago is worth nothing.
    pub fn is_held(&self) -> bool {
        let until = self.0.until.load(Ordering::Acquire);
        until == FOREVER || now_ms() < until
    }

    /// Changes of the standing. May be late by some milliseconds where [`Self::is_held`] is not.
    pub fn watch(&self) -> watch::Receiver<Standing> {
        self.0.told.subscribe()
    }

    /// Milliseconds until it ends; `None` is never.
    pub fn left_ms(&self) -> Option<u64> {
        let until = self.0.until.load(Ordering::Acquire);
        (until != FOREVER).then(|| until.saturating_sub(now_ms()))
    }

    /// The lease lasts at least until then.
    pub(super) fn hold_until(&self, at: u64) {
        // From forever to a time is a step back that must be possible: others have joined.
        let next = |until: u64| Some(if until == FOREVER { at } else { until.max(at) });
        let _ = (self.0.until).fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        self.tell();
    }

    pub(super) fn hold_forever(&self) {
        self.0.until.store(FOREVER, Ordering::Release);
        self.tell();
    }

    pub(super) fn lose(&self) {
        self.0.until.store(0, Ordering::Release);
        self.tell();
    }

    /// Tells the watchers what the clock says.
    pub(super) fn tell(&self) {
        let standing = if self.is_held() {
            Standing::Held
        } else {
            Standing::Lost
        };
        let changed = |told: &mut Standing| std::mem::replace(told, standing) != standing;
        if self.0.told.send_if_modified(changed) {
            match standing {
                Standing::Held => tracing::info!("the lease is held: clients are served"),
                Standing::Lost => tracing::warn!("the lease is lost: no client is served"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_by_itself_and_is_seen_at_once() {
        let fence = Fence::default();
        assert!(!fence.is_held());
        fence.hold_until(now_ms() + 60_000);
        assert!(fence.is_held());
        assert_eq!(*fence.watch().borrow(), Standing::Held);
        fence.hold_forever();
        assert_eq!(fence.left_ms(), None);
        fence.hold_until(now_ms());
        assert!(!fence.is_held(), "others have joined");
        fence.hold_until(now_ms() + 60_000);
        fence.lose();
        assert!(!fence.is_held());
        assert_eq!(*fence.watch().borrow(), Standing::Lost);
    }
}
