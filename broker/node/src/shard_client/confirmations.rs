//! Outcomes of subscribes that a leader on another node has applied, and that may be told once everybody
//! routes by the shard's interest (P2). One question at a time covers all that wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::completer::Confirmed;

/// See the module.
#[derive(Default)]
pub(super) struct Confirmations {
    waiting: Mutex<Vec<(u64, Confirmed)>>,
    wake: Notify,
}

impl Confirmations {
    /// Calls `confirmed` once the interest as of this index of the log is in force.
    pub(super) fn add(&self, index: u64, confirmed: Confirmed) {
        self.lock().push((index, confirmed));
        self.wake.notify_one();
    }

    /// Everything that waits, with the highest index; waits until there is something.
    pub(super) async fn take(&self) -> (u64, Vec<Confirmed>) {
        loop {
            let taken = std::mem::take(&mut *self.lock());
            if let Some(index) = taken.iter().map(|(index, _)| *index).max() {
                return (index, taken.into_iter().map(|(_, call)| call).collect());
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Confirmed)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
