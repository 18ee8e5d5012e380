//! Which durable sessions subscribe to a topic, and which filters the shard is interested in. Knows nothing of queues.

use std::sync::Arc;

use quorate_codec::QoS;
use quorate_router::FilterIndex;

use crate::session_table::Held;
use crate::types::SessionId;

/// All durable subscriptions that have a part in queueing a message.
#[derive(Debug)]
pub(crate) struct SubscriptionIndex {
    /// Those at QoS 1 or 2: they decide who gets a message, and are the shard's interest.
    interest: FilterIndex<SessionId, Held>,
    /// Those at QoS 0 with an identifier: it has to be in the one copy that a session gets because of another
    /// subscription (MQTT-3.3.4-4). Few clients have such.
    identified: FilterIndex<SessionId, Held>,
}

impl SubscriptionIndex {
    /// An empty index; see [`FilterIndex::new`] for the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            interest: FilterIndex::new(seed),
            identified: FilterIndex::new(seed),
        }
    }

    /// Adds a subscription; whether it is the first one of interest in its filter.
    pub(crate) fn insert(&mut self, filter: &str, session: SessionId, held: Held) -> bool {
        if held.options.qos != QoS::AtMostOnce {
            return self.interest.insert(filter, session, held).first;
        }
        if held.identifier.is_some() {
            self.identified.insert(filter, session, held);
        }
        false
    }

    /// Takes out a subscription as it was added; whether it was the last one of interest in its filter.
    pub(crate) fn remove(&mut self, filter: &str, session: SessionId, held: Held) -> bool {
        if held.options.qos != QoS::AtMostOnce {
            let removed = self.interest.remove(filter, session);
            return removed
                .expect("every subscription at QoS 1 or 2 is in the index")
                .last;
        }
        if held.identifier.is_some() {
            self.identified.remove(filter, session);
        }
        false
    }

    /// Whether adding `new` puts it in the place of `old`, so that `old` must not be taken out.
    pub(crate) fn is_replaced(old: Held, new: Held) -> bool {
        let of_interest = |held: Held| held.options.qos != QoS::AtMostOnce;
        let identified = |held: Held| !of_interest(held) && held.identifier.is_some();
        of_interest(old) && of_interest(new) || identified(old) && identified(new)
    }

    /// Every matching subscription, with its session, in the order of sessions.
    pub(crate) fn matches(&self, topic: &str) -> Vec<(SessionId, Held)> {
        let mut matches = Vec::new();
        self.interest
            .matches(topic, |session, held| matches.push((*session, *held)));
        if !matches.is_empty() && !self.identified.is_empty() {
            self.identified
                .matches(topic, |session, held| matches.push((*session, *held)));
        }
        matches.sort_by_key(|(session, _)| *session);
        matches
    }

    /// Every filter of interest, once.
    pub(crate) fn filters(&self) -> Vec<Arc<str>> {
        let mut filters: Vec<Arc<str>> = Vec::with_capacity(self.interest.filter_count());
        self.interest.for_each(|filter, _, _| {
            if filters.last().is_none_or(|last| **last != *filter) {
                filters.push(filter.into());
            }
        });
        filters
    }
}
