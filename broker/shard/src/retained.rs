//! Retained messages, by topic. Knows the topic tree; does not know who subscribes.

use quorate_router::TopicTree;

use crate::message_store::charge;
use crate::record::Retained;
use crate::timer::{Timer, Timers};
use crate::types::{Message, Millis};

/// Retained messages with what they are charged.
#[derive(Debug, Default)]
pub(crate) struct RetainedStore {
    topics: TopicTree<Retained>,
    bytes: u64,
}

impl RetainedStore {
    /// Whether the message may take the place of what its topic has.
    pub(crate) fn has_room(&self, message: &Message, bytes_max: u64) -> bool {
        let replaced = self
            .topics
            .get(&message.topic)
            .map_or(0, |old| charge(&old.message));
        self.bytes - replaced + charge(message) <= bytes_max
    }

    /// Sets a topic's message.
    pub(crate) fn set(&mut self, retained: Retained, timers: &mut Timers) {
        let topic = retained.message.topic.clone();
        self.clear(&topic, timers);
        self.bytes += charge(&retained.message);
        if let Some(at) = retained.expires_at {
            timers.set(at, Timer::RetainedExpires(topic.clone()));
        }
        self.topics.insert(&topic, retained);
    }

    /// Removes a topic's message, if it has one.
    pub(crate) fn clear(&mut self, topic: &str, timers: &mut Timers) {
        let Some(old) = self.topics.remove(topic) else {
            return;
        };
        self.bytes -= charge(&old.message);
        if let Some(at) = old.expires_at {
            timers.cancel(at, Timer::RetainedExpires(old.message.topic.clone()));
        }
    }

    /// Calls `visit` with what `filter` matches and has not expired at `now`.
    pub(crate) fn matching(&self, filter: &str, now: Millis, visit: &mut dyn FnMut(&Retained)) {
        self.topics.matching(filter, |_, retained| {
            if retained.expires_at.is_none_or(|at| at > now) {
                visit(retained);
            }
        });
    }

    /// All of them, in the tree's order.
    pub(crate) fn records(&self) -> Vec<Retained> {
        let mut records = Vec::with_capacity(self.topics.len());
        self.topics
            .for_each(|_, retained| records.push(retained.clone()));
        records
    }

    /// Number of topics with a message.
    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    /// What the messages are charged.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}
