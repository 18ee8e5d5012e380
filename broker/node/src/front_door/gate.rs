//! The gate before everything that a stranger can cost: how many, how fast.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::limits::DESCRIPTORS_SPARE;
use crate::config::Limits;

/// Raises the process's limit of open files to what the connections need, as far as it may.
pub(super) fn raise_descriptor_limit(connections_max: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let wanted = connections_max as u64 + DESCRIPTORS_SPARE;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    limit.current = Some(allowed);
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("the limit of open files cannot be raised: {error}");
    } else if allowed < wanted {
        tracing::warn!(
            "only {allowed} files may be open (ulimit -n), which is less than limits.connections_max = {connections_max} needs"
        );
    }
}

/// Shared by all listeners: places for connections and for strangers, and the rate they come at.
#[derive(Debug)]
pub(super) struct Gate {
    connections: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    rate: tokio::sync::Mutex<Rate>,
}

/// A stranger's place; free when it has logged in or left.
pub(super) type Place = OwnedSemaphorePermit;

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(limits.connections_max)),
            strangers: Arc::new(Semaphore::new(limits.handshakes_pending_max)),
            rate: tokio::sync::Mutex::new(Rate::new(limits.accepts_per_second_max)),
        }
    }

    /// Waits until one more stranger may come. Meanwhile they wait in the kernel's backlog.
    pub(super) async fn admit(&self) -> Place {
        let place = Arc::clone(&self.strangers).acquire_owned().await;
        self.rate.lock().await.wait().await;
        place.expect("the semaphore is never closed")
    }

    /// One of `limits.connections_max`; `None` when all are taken.
    pub(super) fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }
}

/// A token bucket of a tenth of a second.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Rate {
    fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            tokens: (per_second / 10.0).max(1.0),
            filled: Instant::now(),
        }
    }

    async fn wait(&mut self) {
        self.fill();
        if self.tokens < 1.0 {
            let missing = (1.0 - self.tokens) / self.per_second;
            tokio::time::sleep(Duration::from_secs_f64(missing)).await;
            self.fill();
        }
        self.tokens -= 1.0;
    }

    fn fill(&mut self) {
        let now = Instant::now();
        let gained = now.duration_since(self.filled).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min((self.per_second / 10.0).max(1.0));
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_than_a_burst_has_to_wait_for_its_time() {
        let mut rate = Rate::new(100);
        let start = Instant::now();
        for _ in 0..15 {
            rate.wait().await;
        }
        // Ten at once, five at ten milliseconds each.
        assert!(
            start.elapsed() >= Duration::from_millis(45),
            "{:?}",
            start.elapsed()
        );
    }
}
