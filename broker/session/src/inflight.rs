//! Deliveries at QoS 1 and 2 that the client has not completed: states by packet id, no payloads. Does
//! not decide what is sent next.
//!
//! One ring serves both kinds of session. A delivery has a sequence, given by the shard (durable) or
//! counted here (clean), and the packet id follows from it, so that consecutive deliveries have
//! consecutive ids and a lookup is one subtraction.

use std::collections::VecDeque;

use quorate_codec::{PacketId, QoS};

use crate::limits::OUTBOUND_SPAN_IDS_MAX;

/// Packet ids there are; zero is none of them (MQTT-2.2.1-3).
const PACKET_IDS: u64 = 65_535;

/// What is awaited for one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaiting {
    /// Nothing: complete, or a sequence that was never sent.
    Nothing,
    /// PUBACK of a QoS 1 delivery.
    Puback,
    /// PUBREC of a QoS 2 delivery.
    Pubrec,
    /// The commit of a PUBREC that came; the PUBREL may not go out before (P1).
    Commit,
    /// PUBCOMP of a QoS 2 delivery.
    Pubcomp,
}

/// The ring of open deliveries.
#[derive(Debug)]
pub(crate) struct Inflight {
    /// Sequence of the first state in the ring; everything before it is complete.
    first: u64,
    states: VecDeque<Awaiting>,
    /// States that await something.
    open: u16,
}

impl Inflight {
    pub(crate) fn new() -> Self {
        Self {
            first: 1,
            states: VecDeque::new(),
            open: 0,
        }
    }

    /// Deliveries that are not complete.
    pub(crate) fn open(&self) -> u16 {
        self.open
    }

    /// Whether the next sequence still fits the span that is kept.
    pub(crate) fn has_span(&self) -> bool {
        self.states.len() < OUTBOUND_SPAN_IDS_MAX
    }

    /// The sequence after the last one seen.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.states.len() as u64
    }

    /// Takes the next sequence.
    pub(crate) fn push(&mut self, qos: QoS) -> PacketId {
        let sequence = self.next();
        self.states.push_back(awaited_after_publish(qos));
        self.open += 1;
        packet_id(sequence)
    }

    /// Opens a sequence that the shard gave. What lies between it and the last one seen was never
    /// sent (expired in the queue) and is complete. `false` if the span would be passed.
    pub(crate) fn open_at(&mut self, sequence: u64, awaiting: Awaiting) -> bool {
        if self.states.is_empty() {
            self.first = self.first.max(sequence);
        }
        let Some(offset) = self.offset(sequence) else {
            return false;
        };
        if offset >= OUTBOUND_SPAN_IDS_MAX {
            return false;
        }
        while self.states.len() <= offset {
            self.states.push_back(Awaiting::Nothing);
        }
        if self.states[offset] == Awaiting::Nothing {
            self.open += 1;
        }
        self.states[offset] = awaiting;
        true
    }

    /// State of a sequence; `None` if it was not seen by this session yet.
    pub(crate) fn of_sequence(&self, sequence: u64) -> Option<Awaiting> {
        if sequence < self.first {
            return Some(Awaiting::Nothing);
        }
        let offset = self.offset(sequence)?;
        self.states.get(offset).copied()
    }

    /// Sequence and state of a packet id that awaits something.
    pub(crate) fn of_packet_id(&self, id: PacketId) -> Option<(u64, Awaiting)> {
        let first = (self.first - 1) % PACKET_IDS;
        let offset = (u64::from(id.get()) - 1 + PACKET_IDS - first) % PACKET_IDS;
        let state = *self.states.get(offset as usize)?;
        (state != Awaiting::Nothing).then_some((self.first + offset, state))
    }

    /// Moves a sequence that awaits something to what it awaits next.
    pub(crate) fn advance(&mut self, sequence: u64, awaiting: Awaiting) {
        let offset = self.offset(sequence);
        let Some(state) = offset.and_then(|offset| self.states.get_mut(offset)) else {
            return;
        };
        if *state == Awaiting::Nothing {
            return;
        }
        *state = awaiting;
        if awaiting != Awaiting::Nothing {
            return;
        }
        self.open -= 1;
        while self.states.front() == Some(&Awaiting::Nothing) {
            self.states.pop_front();
            self.first += 1;
        }
    }

    fn offset(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.first)?).ok()
    }
}

/// The packet id of a sequence, which starts at 1.
pub(crate) fn packet_id(sequence: u64) -> PacketId {
    let id = (sequence.saturating_sub(1) % PACKET_IDS) as u16 + 1;
    PacketId::new(id).expect("one more than a 16-bit remainder below 65 535 is not zero")
}

/// What a PUBLISH at this QoS waits for.
pub(crate) fn awaited_after_publish(qos: QoS) -> Awaiting {
    match qos {
        QoS::AtMostOnce => panic!("the worker takes packet ids for QoS 1 and 2 only"),
        QoS::AtLeastOnce => Awaiting::Puback,
        QoS::ExactlyOnce => Awaiting::Pubrec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_ids_follow_the_sequence_and_skip_zero() {
        assert_eq!(packet_id(1).get(), 1);
        assert_eq!(packet_id(65_535).get(), 65_535);
        assert_eq!(packet_id(65_536).get(), 1);
    }

    #[test]
    fn an_id_is_found_across_the_wrap() {
        let mut inflight = Inflight::new();
        assert!(inflight.open_at(65_534, Awaiting::Puback));
        for _ in 0..3 {
            inflight.push(QoS::AtLeastOnce);
        }
        let id = PacketId::new(2).unwrap();
        assert_eq!(inflight.of_packet_id(id), Some((65_537, Awaiting::Puback)));
        inflight.advance(65_537, Awaiting::Nothing);
        assert_eq!(inflight.of_packet_id(id), None);
        assert_eq!(inflight.open(), 3);
    }

    #[test]
    fn the_ring_shrinks_only_from_its_front() {
        let mut inflight = Inflight::new();
        inflight.push(QoS::ExactlyOnce);
        inflight.push(QoS::AtLeastOnce);
        inflight.advance(2, Awaiting::Nothing);
        assert_eq!(inflight.next(), 3);
        assert_eq!(inflight.first, 1);
        inflight.advance(1, Awaiting::Nothing);
        assert_eq!(inflight.first, 3);
        assert_eq!(inflight.open(), 0);
    }

    #[test]
    fn sequences_that_expired_in_the_queue_leave_a_gap() {
        let mut inflight = Inflight::new();
        assert!(inflight.open_at(10, Awaiting::Puback));
        assert!(inflight.open_at(15, Awaiting::Puback));
        assert_eq!(inflight.open(), 2);
        assert_eq!(inflight.of_sequence(12), Some(Awaiting::Nothing));
        assert_eq!(inflight.of_sequence(9), Some(Awaiting::Nothing));
        assert_eq!(inflight.of_sequence(16), None);
        assert!(!inflight.open_at(10 + OUTBOUND_SPAN_IDS_MAX as u64, Awaiting::Puback));
    }
}
