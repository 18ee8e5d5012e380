//! Bytes that wait for clients on the whole node: while there are too many, each connection may hold less.
//! Kept up to date where output is written, so that a turn knows the sum without looking at anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use quorate_router::ConnectionId;

use super::connection::Connection;
use super::core::{Core, key};
use super::limits::WorkerLimits;

/// Shared by the workers of a node.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    used: AtomicUsize,
}

impl Budget {
    /// Nothing is used yet.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            used: AtomicUsize::new(0),
        }
    }
}

impl Default for Budget {
    /// No bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

/// One worker's part.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    own: usize,
    told: usize,
    configured: WorkerLimits,
    is_tight: bool,
}

impl Account {
    pub(super) fn new(budget: Arc<Budget>, configured: WorkerLimits) -> Self {
        Self {
            budget,
            own: 0,
            told: 0,
            configured,
            is_tight: false,
        }
    }

    /// Tells the others; the limits that hold from now on, if they are other ones.
    fn settle(&mut self) -> Option<WorkerLimits> {
        let used = &self.budget.used;
        if self.own >= self.told {
            used.fetch_add(self.own - self.told, Relaxed);
        } else {
            used.fetch_sub(self.told - self.own, Relaxed);
        }
        self.told = self.own;
        let is_tight = used.load(Relaxed) > self.budget.bytes_max;
        if std::mem::replace(&mut self.is_tight, is_tight) == is_tight {
            return None;
        }
        tracing::info!(
            is_tight,
            "what waits for clients is bounded by limits.outputs_bytes_max"
        );
        Some(if is_tight {
            self.configured.tight()
        } else {
            self.configured
        })
    }
}

impl Core {
    /// Notes what waits for a connection now.
    pub(super) fn recharge(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(key(id)) {
            let bytes = waits_for(connection);
            let before = std::mem::replace(&mut connection.charged, bytes);
            self.account.own = self.account.own - before + bytes;
        }
    }

    /// A connection is gone, with what waited for it.
    pub(super) fn discharge(&mut self, connection: &Connection) {
        self.account.own -= connection.charged;
    }

    /// At the end of a turn.
    pub(super) fn settle_account(&mut self) {
        if let Some(limits) = self.account.settle() {
            self.settings.limits = limits;
        }
    }

    /// Sums that would cost too much to keep at every message.
    pub(super) fn set_gauges(&self) {
        let connections = self.connections.iter().map(|(_, connection)| connection);
        let (mut queued, mut clean) = (0, 0);
        for connection in connections {
            queued += waits_for(connection);
            clean += if connection.durable {
                0
            } else {
                connection.filters.len()
            };
        }
        self.counters.queued_bytes.set(queued as u64);
        self.counters.subscriptions.set(self.subscriptions);
        self.counters.clean_subscriptions.set(clean as u64);
    }
}

fn waits_for(connection: &Connection) -> usize {
    let waiting = connection
        .waiting
        .as_ref()
        .map_or(0, |waiting| waiting.bytes);
    connection.output.len() + waiting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_share_one_budget() {
        let (budget, limits) = (Arc::new(Budget::new(100)), WorkerLimits::default());
        let account = || Account::new(budget.clone(), limits);
        let (mut one, mut two) = (account(), account());
        one.own = 60;
        assert_eq!(one.settle(), None);
        two.own = 60;
        assert_eq!(two.settle(), Some(limits.tight()));
        assert_eq!(
            one.settle(),
            Some(limits.tight()),
            "the other one hears of it"
        );
        two.own = 10;
        assert_eq!(two.settle(), Some(limits));
        assert_eq!(one.settle(), Some(limits));
        assert_eq!(budget.used.load(Relaxed), 70);
    }
}
