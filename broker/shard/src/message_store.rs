//! The shard's messages, each kept once however many queues refer to it. Counts references itself: how many
//! `Arc`s are alive depends on who else reads, and must never decide anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::limits::{ENTRY_OVERHEAD_BYTES, MESSAGE_OVERHEAD_BYTES};
use crate::types::Message;

/// A message's number within the shard.
pub(crate) type MessageId = u64;

/// Messages by id, with their references and what they are charged.
#[derive(Debug, Default)]
pub(crate) struct MessageStore {
    messages: BTreeMap<MessageId, Stored>,
    last: MessageId,
    message_bytes: u64,
    references: u64,
}

#[derive(Debug)]
struct Stored {
    message: Arc<Message>,
    references: u64,
}

/// What a message is charged wherever it is kept.
pub(crate) fn charge(message: &Message) -> u64 {
    let bytes = message.topic.len() + message.properties.len() + message.payload.len();
    bytes as u64 + MESSAGE_OVERHEAD_BYTES
}

impl MessageStore {
    /// Keeps a message for `references` queue entries, of which there is at least one.
    pub(crate) fn insert(&mut self, message: Arc<Message>, references: u64) -> MessageId {
        assert!(references > 0, "a message nobody queues is not stored");
        self.last += 1;
        self.restore(self.last, message);
        for _ in 0..references {
            self.refer(self.last);
        }
        self.last
    }

    /// One entry more refers to the message; the message, or `None` if it is not here.
    pub(crate) fn refer(&mut self, id: MessageId) -> Option<Arc<Message>> {
        let stored = self.messages.get_mut(&id)?;
        stored.references += 1;
        self.references += 1;
        Some(stored.message.clone())
    }

    /// One entry that referred to the message is gone.
    pub(crate) fn release(&mut self, id: MessageId) {
        let stored = self
            .messages
            .get_mut(&id)
            .expect("every entry's message is in the store");
        assert!(stored.references > 0, "an entry is released once");
        stored.references -= 1;
        self.references -= 1;
        if stored.references == 0 {
            self.message_bytes -= charge(&stored.message);
            self.messages.remove(&id);
        }
    }

    /// Puts a snapshot's message back, still without references. False if ids do not ascend.
    pub(crate) fn restore(&mut self, id: MessageId, message: Arc<Message>) -> bool {
        if self
            .messages
            .last_key_value()
            .is_some_and(|(last, _)| *last >= id)
        {
            return false;
        }
        self.message_bytes += charge(&message);
        self.messages.insert(
            id,
            Stored {
                message,
                references: 0,
            },
        );
        true
    }

    /// Sets the last id given, from a snapshot.
    pub(crate) fn restore_last(&mut self, last: MessageId) {
        self.last = last;
    }

    /// Whether some message has no entry; never so, except in the middle of a restore.
    pub(crate) fn has_orphans(&self) -> bool {
        self.messages.values().any(|stored| stored.references == 0)
    }

    /// Bytes of all messages and of the entries that refer to them.
    pub(crate) fn bytes(&self) -> u64 {
        self.message_bytes + self.references * ENTRY_OVERHEAD_BYTES
    }

    /// Number of entries of all queues.
    pub(crate) fn references(&self) -> u64 {
        self.references
    }

    /// Last id given.
    pub(crate) fn last(&self) -> MessageId {
        self.last
    }

    /// All messages, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (MessageId, &Arc<Message>)> + '_ {
        self.messages
            .iter()
            .map(|(id, stored)| (*id, &stored.message))
    }
}
