//! What a queue gives up before its client has it: to another member of a share group, or for want of room.

use std::sync::Arc;

use quorate_codec::QoS;

use super::{Around, Queue};
use crate::limits::Limits;
use crate::types::{Message, Millis};

/// A message that was lent and is taken back.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The share group.
    pub(crate) group: Arc<str>,
    /// The message.
    pub(crate) message: Arc<Message>,
    /// When it expires.
    pub(crate) expires_at: Option<Millis>,
}

impl Queue {
    /// Takes back what a share group lent (all groups, if none is named) and another member may get: what was
    /// not started, and QoS 1 that was.
    pub(crate) fn take_shared(
        &mut self,
        group: Option<&Arc<str>>,
        around: &mut Around<'_>,
    ) -> Vec<Shared> {
        let mut taken = Vec::new();
        for position in 0..self.entries.len() {
            let entry = &self.entries[position];
            let open = entry.sequence > self.started || entry.how.qos == QoS::AtLeastOnce;
            let (Some(lender), Some(message)) = (&entry.how.group, &entry.message) else {
                continue;
            };
            if !open || group.is_some_and(|group| group != lender) {
                continue;
            }
            taken.push(Shared {
                group: lender.clone(),
                message: message.clone(),
                expires_at: entry.how.expires_at,
            });
            self.cancel_expiry(position, around);
            self.remove(position, around.store);
        }
        self.close_gaps();
        taken
    }

    /// Drops the oldest entries that were not started until `count` more messages that are charged `bytes` have room, or
    /// none is left to drop. How many went.
    pub(crate) fn drop_oldest(
        &mut self,
        count: u64,
        bytes: u64,
        limits: &Limits,
        around: &mut Around<'_>,
    ) -> u64 {
        let mut dropped = 0;
        let mut position = self.position_after(self.started);
        while position < self.entries.len() && !self.has_room(count, bytes, limits) {
            if self.entries[position].message.is_some() {
                self.cancel_expiry(position, around);
                self.remove(position, around.store);
                dropped += 1;
            }
            position += 1;
        }
        self.close_gaps();
        dropped
    }
}
