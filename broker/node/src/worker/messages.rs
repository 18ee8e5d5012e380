//! What other threads tell a worker, taken between reading and writing.

use std::sync::Arc;

use quorate_router::{Interest, Scope, Target};
use quorate_shard::Outcome;

use super::core::Core;
use super::inbox::ToWorker;
use super::operation::Operation;
use super::slab::Key;

impl Core {
    /// One message of the mailbox; connections are adopted by the event loop.
    pub fn handle_message(&mut self, message: ToWorker) {
        match message {
            ToWorker::Connection(..) => unreachable!("the event loop adopts connections"),
            ToWorker::Outcomes(outcomes) => self.handle_outcomes(outcomes),
            ToWorker::Deliveries(sessions) => self.handle_deliveries(sessions),
            ToWorker::Interest {
                target,
                changes,
                replace,
                confirm,
            } => {
                self.route_interest(target, &changes, replace);
                self.outbox.confirmed.push(confirm);
            }
            ToWorker::BarrierPassed(ticket) => self.barrier_passed(Key::from_bits(ticket)),
            ToWorker::TakeOver { connection, closed } => self.take_over(connection, closed),
            ToWorker::SessionEnded {
                shard,
                session,
                epoch,
            } => self.session_ended(shard, session, epoch),
            ToWorker::Publish(publish) => self.publish_injected(publish),
            ToWorker::Publishes(batch) => self.deliver_batch(&batch),
            ToWorker::PeerPublishes(batch) => self.deliver_peer_batch(&batch),
            ToWorker::Receipts(tickets) => {
                for ticket in tickets {
                    self.handle_outcome(Key::from_bits(ticket), Outcome::Done);
                }
            }
            ToWorker::Retained { ticket, found } => {
                if let Some(Operation::Retained(retaining)) =
                    self.operations.remove(Key::from_bits(ticket))
                {
                    self.retained_found(retaining, found);
                }
            }
            ToWorker::SendAway => self.send_away(),
            ToWorker::Shutdown => self.shut_down(),
        }
    }

    fn route_interest(&mut self, target: Target, changes: &[(Arc<str>, Interest)], replace: bool) {
        if replace {
            self.table.clear_target(target);
        }
        for (filter, interest) in changes {
            match interest {
                Some(scope) => {
                    let before = self.table.share_count(target, filter);
                    self.table.add_interest(target, filter, *scope);
                    if let Scope::Share(count) = scope {
                        self.members_changed(target, filter, before, *count);
                    }
                }
                None => {
                    self.table.remove_interest(target, filter);
                }
            }
        }
    }

    fn barrier_passed(&mut self, ticket: Key) {
        if let Some(Operation::Subscribe(subscribing)) = self.operations.remove(ticket) {
            self.subscribed(subscribing);
        }
    }
}
