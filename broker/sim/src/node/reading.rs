//! Errands of workers: deliveries on and off at once, as in the broker; retained reads and barriers later.

use std::sync::Arc;

use quorate_node::raft::RetainedFound;
use quorate_node::shard_client::{ReplyTo, Request};
use quorate_node::worker::{Errand, OnDrop, ToWorker};
use quorate_router::Target;
use quorate_shard::{Command, Retained};

use super::post::Posted;
use super::worker::Mail;
use super::{Node, Outside};

/// A read of retained messages that a worker waits for.
pub(super) struct Reading {
    worker: u16,
    ticket: u64,
    filters: Vec<Arc<str>>,
    /// By shard, the requests that were submitted before.
    after: Vec<u64>,
}

impl Node {
    pub(super) fn run_errand(&mut self, worker: u16, errand: Errand) {
        match errand {
            Errand::Attach {
                shard,
                session,
                epoch,
            } => {
                let host = &mut self.shards[usize::from(shard)];
                host.dispatcher.attach(&host.shard, session, epoch, worker);
            }
            Errand::Detach {
                shard,
                session,
                epoch,
            } => {
                self.shards[usize::from(shard)]
                    .dispatcher
                    .detach(session, epoch);
            }
            // A node that is alone overtakes nobody.
            Errand::Release { shard, release } => {
                self.shards[usize::from(shard)].submit(vec![Request {
                    command: Command::Release(release),
                    reply: ReplyTo::None,
                }]);
            }
            Errand::ReadRetained { ticket, filters } => {
                let after = self.shards.iter().map(|host| host.submitted).collect();
                self.readings.push(Reading {
                    worker,
                    ticket,
                    filters,
                    after,
                });
            }
            Errand::Barrier { ticket } => self.pass_barrier(worker, ticket),
        }
    }

    /// Answers once every other worker has taken everything that was in its mailbox.
    fn pass_barrier(&mut self, own: u16, ticket: u64) {
        let post = Arc::clone(&self.post);
        let passed = OnDrop::new(Box::new(move || {
            let message = Box::new(ToWorker::BarrierPassed(ticket));
            post.leave(Posted::ToWorker(own, message));
        }));
        for (number, worker) in (0..).zip(&mut self.workers) {
            if number != own {
                worker.mail.push_back(Mail::Told(ToWorker::Interest {
                    target: Target::Worker(own),
                    changes: Vec::new(),
                    replace: false,
                    confirm: passed.clone(),
                }));
            }
        }
    }

    /// Every read is answered once all that was submitted before it is applied.
    pub(super) fn read_retained(&mut self, outside: &Outside<'_>) {
        for reading in std::mem::take(&mut self.readings) {
            let mut shards = self.shards.iter().zip(&reading.after);
            if !shards.all(|(host, after)| host.answered >= *after) {
                self.readings.push(reading);
                continue;
            }
            let found = reading
                .filters
                .iter()
                .map(|filter| self.matching(filter, outside.now));
            let message = ToWorker::Retained {
                ticket: reading.ticket,
                found: Some(found.collect()),
            };
            self.workers[usize::from(reading.worker)]
                .mail
                .push_back(Mail::Told(message));
        }
    }

    fn matching(&self, filter: &str, now: u64) -> Vec<RetainedFound> {
        let mut found = Vec::new();
        for host in &self.shards {
            host.shard
                .retained_matching(filter, now, &mut |retained: &Retained| {
                    found.push(RetainedFound {
                        message: Arc::clone(&retained.message),
                        expiry_seconds: None,
                    });
                });
        }
        found
    }
}
