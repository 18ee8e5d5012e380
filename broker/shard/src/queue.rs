//! One session's queue: entries in the order of their sequences, and how far they may have been sent.
//!
//! Everything at or below the started mark may have been sent, so it is never dropped before it is
//! acknowledged, and an owner that comes later repeats it with DUP and its old packet id. Entries above it
//! start when the window has room.

mod giving_up;

pub(crate) use giving_up::Shared;

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_codec::QoS;

use crate::delivery::{Delivery, DeliveryPacket, DeliveryPublish};
use crate::limits::{ENTRY_OVERHEAD_BYTES, Limits, UNACKNOWLEDGED_SPAN_MAX};
use crate::message_store::{MessageId, MessageStore, charge};
use crate::record::EntryRecord;
use crate::timer::{Timer, Timers};
use crate::types::{Message, Millis, Sequence, SessionId};

/// Gaps a queue keeps before it closes them, at least; closing costs a pass over the queue.
const GAPS_KEPT: usize = 64;

/// A session's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    /// Ascending. An entry without a message is a gap: it was acknowledged or has expired.
    entries: VecDeque<Entry>,
    last: Sequence,
    started: Sequence,
    started_before: Sequence,
    window: u16,
    /// Entries that are not gaps, and what they are charged.
    live: usize,
    bytes: u64,
    /// Those of them that are started.
    in_flight: u64,
    in_flight_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    sequence: Sequence,
    message_id: MessageId,
    message: Option<Arc<Message>>,
    how: How,
    received: bool,
}

/// How a message is delivered to one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct How {
    /// QoS, 1 or 2.
    pub(crate) qos: QoS,
    /// Retain flag.
    pub(crate) retain: bool,
    /// Subscription identifiers, ascending.
    pub(crate) identifiers: Box<[u32]>,
    /// When the message expires.
    pub(crate) expires_at: Option<Millis>,
    /// The share group that lends it.
    pub(crate) group: Option<Arc<str>>,
}

/// The numbers that a snapshot keeps of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Last sequence given.
    pub(crate) last: Sequence,
    /// Last sequence that may have been sent.
    pub(crate) started: Sequence,
    /// `started` at the last claim.
    pub(crate) started_before: Sequence,
    /// Deliveries that may be unacknowledged at once.
    pub(crate) window: u16,
}

/// What a change of a queue needs of the shard around it.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    /// Whose queue it is.
    pub(crate) session: SessionId,
    /// Where messages are.
    pub(crate) store: &'a mut MessageStore,
    /// Where expiry is watched.
    pub(crate) timers: &'a mut Timers,
}

impl Queue {
    /// An empty queue, or one with a snapshot's marks.
    pub(crate) fn new(marks: Marks) -> Self {
        let Marks {
            last,
            started,
            started_before,
            window,
        } = marks;
        Self {
            entries: VecDeque::new(),
            last,
            started,
            started_before,
            window,
            live: 0,
            bytes: 0,
            in_flight: 0,
            in_flight_bytes: 0,
        }
    }

    /// Whether `count` more messages that are charged `bytes` are within the session's bounds.
    pub(crate) fn has_room(&self, count: u64, bytes: u64, limits: &Limits) -> bool {
        let charged = bytes.saturating_add(count * ENTRY_OVERHEAD_BYTES);
        self.live as u64 + count <= limits.queue_messages_max
            && self.bytes.saturating_add(charged) <= limits.queue_bytes_max
    }

    /// Entries.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Whether everything is started and one more would be, as far as the window goes.
    pub(crate) fn is_keeping_up(&self) -> bool {
        self.live as u64 == self.in_flight && self.in_flight < u64::from(self.window)
    }

    /// Adds an entry for a stored message that counts this reference already.
    pub(crate) fn push(
        &mut self,
        id: MessageId,
        message: Arc<Message>,
        how: How,
        around: &mut Around<'_>,
    ) {
        assert!(how.qos != QoS::AtMostOnce, "QoS 0 is never queued");
        self.last += 1;
        let sequence = self.last;
        if let Some(at) = how.expires_at {
            around
                .timers
                .set(at, Timer::EntryExpires(around.session, sequence));
        }
        self.append(Entry {
            sequence,
            message_id: id,
            message: Some(message),
            how,
            received: false,
        });
    }

    /// A new owner: what was started up to now may have been sent by an earlier one.
    pub(crate) fn claim(&mut self, window: u16) {
        self.started_before = self.started;
        self.window = window;
    }

    /// Fault for tests: as if nothing was known of what an earlier owner had started.
    pub(crate) fn forget_started(&mut self) {
        self.started = self
            .entries
            .front()
            .map_or(self.started, |entry| entry.sequence - 1);
        self.started_before = 0;
        self.in_flight = 0;
        self.in_flight_bytes = 0;
    }

    /// Starts what the window has room for; whether the mark moved. Entries that have expired are dropped
    /// on the way (MQTT-3.3.2-5).
    pub(crate) fn start(&mut self, now: Millis, bytes_max: u64, around: &mut Around<'_>) -> bool {
        let before = self.started;
        let mut position = self.position_after(self.started);
        while let Some(entry) = self.entries.get(position) {
            if let Some(message) = &entry.message {
                let bytes = charge(message);
                if !self.window_has_room(entry.sequence, bytes, bytes_max) {
                    break;
                }
                let expired = entry.how.expires_at.is_some_and(|at| at <= now);
                self.cancel_expiry(position, around);
                if expired {
                    self.remove(position, around.store);
                } else {
                    self.started = self.entries[position].sequence;
                    self.in_flight += 1;
                    self.in_flight_bytes += bytes;
                }
            }
            position += 1;
        }
        self.close_gaps();
        self.started != before
    }

    /// The client has the message for good; whether that was news.
    pub(crate) fn acknowledge(&mut self, sequence: Sequence, store: &mut MessageStore) -> bool {
        let Some(position) = self.started_position(sequence) else {
            return false;
        };
        self.remove(position, store);
        self.close_gaps();
        true
    }

    /// The client's PUBREC came; whether that was news.
    pub(crate) fn receive(&mut self, sequence: Sequence) -> bool {
        let Some(position) = self.started_position(sequence) else {
            return false;
        };
        let entry = &mut self.entries[position];
        let news = entry.how.qos == QoS::ExactlyOnce && !entry.received;
        entry.received |= news;
        news
    }

    /// Drops an entry that has expired, unless it may have been sent.
    pub(crate) fn expire(&mut self, sequence: Sequence, store: &mut MessageStore) {
        if sequence <= self.started {
            return;
        }
        if let Some(position) = self.live_position(sequence) {
            self.remove(position, store);
            self.close_gaps();
        }
    }

    /// Drops everything, at the session's end.
    pub(crate) fn clear(&mut self, around: &mut Around<'_>) {
        for position in 0..self.entries.len() {
            if self.entries[position].message.is_some() {
                self.cancel_expiry(position, around);
                self.remove(position, around.store);
            }
        }
        self.entries.clear();
        assert!(
            self.live == 0 && self.bytes == 0,
            "an empty queue is charged nothing"
        );
    }

    /// Puts a snapshot's entry back, with a message that counts this reference already. False if it does
    /// not fit the entries before it or the marks.
    pub(crate) fn restore(
        &mut self,
        record: EntryRecord,
        message: Arc<Message>,
        around: &mut Around<'_>,
    ) -> bool {
        let EntryRecord {
            sequence,
            message: message_id,
            qos,
            retain,
            received,
            identifiers,
            expires_at,
            group,
        } = record;
        let ascends = self
            .entries
            .back()
            .is_none_or(|entry| entry.sequence < sequence);
        let possible = sequence > 0 && sequence <= self.last && qos != QoS::AtMostOnce;
        if !ascends || !possible || (received && sequence > self.started) {
            return false;
        }
        if sequence <= self.started {
            self.in_flight += 1;
            self.in_flight_bytes += charge(&message);
        } else if let Some(at) = expires_at {
            around
                .timers
                .set(at, Timer::EntryExpires(around.session, sequence));
        }
        let how = How {
            qos,
            retain,
            identifiers,
            expires_at,
            group,
        };
        self.append(Entry {
            sequence,
            message_id,
            message: Some(message),
            how,
            received,
        });
        true
    }

    /// The numbers to keep of it.
    pub(crate) fn marks(&self) -> Marks {
        Marks {
            last: self.last,
            started: self.started,
            started_before: self.started_before,
            window: self.window,
        }
    }

    /// Last sequence that may have been sent.
    pub(crate) fn started(&self) -> Sequence {
        self.started
    }

    /// Entries after `after` up to `up_to` that are started, as packets.
    pub(crate) fn deliveries(
        &self,
        after: Sequence,
        up_to: Sequence,
    ) -> impl Iterator<Item = Delivery> + '_ {
        let up_to = up_to.min(self.started);
        self.entries
            .range(self.position_after(after)..)
            .take_while(move |entry| entry.sequence <= up_to)
            .filter_map(|entry| Some(self.delivery(entry, entry.message.as_ref()?)))
    }

    /// All entries, for a snapshot.
    pub(crate) fn records(&self) -> impl Iterator<Item = EntryRecord> + '_ {
        self.entries
            .iter()
            .filter(|entry| entry.message.is_some())
            .map(|entry| EntryRecord {
                sequence: entry.sequence,
                message: entry.message_id,
                qos: entry.how.qos,
                retain: entry.how.retain,
                received: entry.received,
                identifiers: entry.how.identifiers.clone(),
                expires_at: entry.how.expires_at,
                group: entry.how.group.clone(),
            })
    }

    fn delivery(&self, entry: &Entry, message: &Arc<Message>) -> Delivery {
        let sequence = entry.sequence;
        if entry.received {
            return Delivery {
                sequence,
                packet: DeliveryPacket::PubRel,
            };
        }
        let How {
            qos,
            retain,
            identifiers,
            expires_at,
            group: _,
        } = entry.how.clone();
        let dup = sequence <= self.started_before;
        let message = message.clone();
        let publish = DeliveryPublish {
            message,
            qos,
            retain,
            dup,
            identifiers,
            expires_at,
        };
        Delivery {
            sequence,
            packet: DeliveryPacket::Publish(publish),
        }
    }

    fn window_has_room(&self, sequence: Sequence, bytes: u64, bytes_max: u64) -> bool {
        if self.in_flight == 0 {
            return self.window > 0;
        }
        let first = self
            .entries
            .front()
            .map_or(sequence, |entry| entry.sequence);
        self.in_flight < u64::from(self.window)
            && self.in_flight_bytes.saturating_add(bytes) <= bytes_max
            && sequence - first < UNACKNOWLEDGED_SPAN_MAX
    }

    fn append(&mut self, entry: Entry) {
        let message = entry
            .message
            .as_deref()
            .expect("an entry is appended with its message");
        self.live += 1;
        self.bytes += charge(message) + ENTRY_OVERHEAD_BYTES;
        self.entries.push_back(entry);
    }

    /// Turns an entry into a gap.
    fn remove(&mut self, position: usize, store: &mut MessageStore) {
        let entry = &mut self.entries[position];
        let message = entry.message.take().expect("an entry is removed once");
        let bytes = charge(&message);
        if entry.sequence <= self.started {
            self.in_flight -= 1;
            self.in_flight_bytes -= bytes;
        }
        entry.how.identifiers = Box::default();
        entry.how.group = None;
        store.release(entry.message_id);
        self.live -= 1;
        self.bytes -= bytes + ENTRY_OVERHEAD_BYTES;
    }

    /// Drops gaps at the front always, those in the middle when they outweigh the entries.
    fn close_gaps(&mut self) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.message.is_none())
        {
            self.entries.pop_front();
        }
        let gaps = self.entries.len() - self.live;
        if gaps > GAPS_KEPT.max(self.live) {
            self.entries.retain(|entry| entry.message.is_some());
        }
        assert!(
            self.in_flight <= self.live as u64,
            "what is in flight is queued"
        );
    }

    fn cancel_expiry(&self, position: usize, around: &mut Around<'_>) {
        let entry = &self.entries[position];
        if let Some(at) = entry.how.expires_at {
            around
                .timers
                .cancel(at, Timer::EntryExpires(around.session, entry.sequence));
        }
    }

    /// Where the first entry after `sequence` is.
    fn position_after(&self, sequence: Sequence) -> usize {
        self.entries
            .partition_point(|entry| entry.sequence <= sequence)
    }

    fn live_position(&self, sequence: Sequence) -> Option<usize> {
        let position = self.position_after(sequence).checked_sub(1)?;
        let entry = self.entries.get(position)?;
        (entry.sequence == sequence && entry.message.is_some()).then_some(position)
    }

    fn started_position(&self, sequence: Sequence) -> Option<usize> {
        self.live_position(sequence)
            .filter(|_| sequence <= self.started)
    }
}
