//! How other threads talk to a worker: one queue, swapped out whole, and a wake-up only for a sleeper.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::inbox::ToWorker;

/// A worker's mailbox. What is in it is bounded by those who fill it: connections by the accept limit,
/// completions by the shard client's budget, deliveries by the sessions' windows, publishes of other
/// workers by `CROSS_BATCH_BYTES_MAX`.
#[derive(Debug)]
pub struct Mailbox {
    queue: Mutex<Vec<ToWorker>>,
    /// Set by the worker before it waits; who clears it owes the wake-up.
    asleep: AtomicBool,
    waker: mio::Waker,
}

impl Mailbox {
    /// A mailbox whose owner is woken by `waker`.
    pub fn new(waker: mio::Waker) -> Self {
        Self {
            queue: Mutex::default(),
            asleep: AtomicBool::new(false),
            waker,
        }
    }

    /// Puts one message in and wakes the worker if it sleeps.
    pub fn send(&self, message: ToWorker) {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
        self.wake();
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            // The worker still looks in at its next timer; a broken eventfd is not worth a crash.
            tracing::error!(%error, "cannot wake a worker");
        }
    }

    /// Takes everything, leaving `empty` (which must be empty) in its place.
    pub(super) fn take(&self, empty: &mut Vec<ToWorker>) {
        debug_assert!(empty.is_empty());
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *queue, empty);
    }

    /// Says that the worker is about to wait; `false` means that there is something to do first.
    pub(super) fn prepare_to_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    /// Says that the worker is awake, so that nobody pays for a wake-up.
    pub(super) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}
