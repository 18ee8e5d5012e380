//! Which worker gets a connection: the one with the fewest.

use std::sync::Arc;

use quorate_control::SlotMap;

use crate::front_door::{Established, Handover};
use crate::metrics::WorkerCounters;
use crate::worker::{Mailbox, ToWorker};

/// See the module.
pub(super) struct Placement {
    mailboxes: Arc<[Arc<Mailbox>]>,
    counters: Arc<[Arc<WorkerCounters>]>,
    slots: SlotMap,
}

impl Placement {
    pub(super) fn new(
        mailboxes: Arc<[Arc<Mailbox>]>,
        counters: Arc<[Arc<WorkerCounters>]>,
        slots: SlotMap,
    ) -> Self {
        Self {
            mailboxes,
            counters,
            slots,
        }
    }

    fn fewest(&self) -> usize {
        let open = |counters: &Arc<WorkerCounters>| {
            counters
                .connections_opened
                .value()
                .wrapping_sub(counters.connections_closed.value())
        };
        let numbered = self.counters.iter().enumerate();
        numbered
            .min_by_key(|(_, counters)| open(counters))
            .map_or(0, |(worker, _)| worker)
    }
}

impl Handover for Placement {
    fn hand_over(&self, established: Established) {
        let shard = self
            .slots
            .shard_of(established.connect.client_id.as_bytes());
        self.mailboxes[self.fewest()].send(ToWorker::Connection(Box::new(established), shard));
    }
}
