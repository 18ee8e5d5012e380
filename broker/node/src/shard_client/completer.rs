//! Hands the outcomes of an applied batch to who waits: one call per worker. Outcomes of subscribes wait
//! for the interest barrier first (P2).

use std::sync::Arc;

use quorate_shard::Outcome;

use super::request::{Completions, ReplyTo};
use crate::delivery::Barrier;
use crate::raft::ShardReply;

/// Tells everybody. `replies` and the reply's outcomes are in the order of the batch.
pub fn complete(
    completions: &Arc<dyn Completions>,
    barrier: &Barrier,
    replies: Vec<ReplyTo>,
    reply: &ShardReply,
) {
    complete_held(completions, replies, &reply.outcomes, |later| {
        barrier.when_confirmed(reply.interest, later);
    });
}

/// Tells everybody; `hold` gets what is to be called once interest is confirmed, if there is such a thing.
pub(super) fn complete_held(
    completions: &Arc<dyn Completions>,
    replies: Vec<ReplyTo>,
    outcomes: &[Outcome],
    hold: impl FnOnce(Confirmed),
) {
    let mut now = Outbox::default();
    let mut later = Outbox::default();
    for (to, outcome) in replies.into_iter().zip(outcomes) {
        let outbox = if waits_for_interest(outcome) {
            &mut later
        } else {
            &mut now
        };
        outbox.push(to, outcome.clone());
    }
    now.send(completions.as_ref());
    if !later.is_empty() {
        let completions = Arc::clone(completions);
        hold(Box::new(move || later.send(completions.as_ref())));
    }
}

/// Called once interest is confirmed.
pub(super) type Confirmed = Box<dyn FnOnce() + Send>;

/// Whether an outcome may be told only after the interest barrier.
pub(super) fn waits_for_interest(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Subscribed(_) => true,
        Outcome::Done
        | Outcome::Claimed(_)
        | Outcome::Unsubscribed(_)
        | Outcome::Published(_)
        | Outcome::InboundStarted { .. }
        | Outcome::InboundReleased(_)
        | Outcome::Stale
        | Outcome::QuotaExceeded => false,
    }
}

/// Tells those whose commands were refused.
pub(super) fn refuse(completions: &dyn Completions, refused: Vec<ReplyTo>) {
    let mut outbox = Outbox::default();
    for to in refused {
        outbox.push(to, Outcome::QuotaExceeded);
    }
    outbox.send(completions);
}

/// Outcomes by receiver.
#[derive(Default)]
struct Outbox {
    /// Few workers: searched linearly.
    workers: Vec<(u16, Vec<(u64, Outcome)>)>,
    tasks: Vec<(tokio::sync::oneshot::Sender<Outcome>, Outcome)>,
}

impl Outbox {
    fn push(&mut self, to: ReplyTo, outcome: Outcome) {
        match to {
            ReplyTo::Worker { worker, ticket } => {
                let known = self.workers.iter_mut().find(|(other, _)| *other == worker);
                match known {
                    Some((_, outcomes)) => outcomes.push((ticket, outcome)),
                    None => self.workers.push((worker, vec![(ticket, outcome)])),
                }
            }
            ReplyTo::Oneshot(sender) => self.tasks.push((sender, outcome)),
            ReplyTo::None => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.workers.is_empty() && self.tasks.is_empty()
    }

    fn send(self, completions: &dyn Completions) {
        for (worker, outcomes) in self.workers {
            completions.complete(worker, outcomes);
        }
        for (sender, outcome) in self.tasks {
            // Who gave up waiting is not told.
            let _ = sender.send(outcome);
        }
    }
}
