//! Deliveries to the client at QoS 1 and 2: packet ids, the window, and what durable sessions report to
//! their shard. Keeps no messages; what finds no room waits with the worker.

use std::mem;

use quorate_codec::{AckKind, PacketId, QoS, ReasonCode};

use crate::inflight::{Awaiting, Inflight, awaited_after_publish, packet_id};
use crate::output::Reply;
use crate::session::Session;

/// What to do with a durable delivery that the shard handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Delivery {
    /// Send it (a PUBLISH, or the PUBREL of a released one) with this packet id.
    Send(PacketId),
    /// This connection has it already (a new shard leader starts over): drop it.
    Repeat,
    /// The client's window is full: keep this one and all later ones, in order, and offer them again
    /// when [`Session::room`] has grown.
    NoRoom,
}

impl Session {
    /// Deliveries at QoS 1 and 2 that may be sent now (MQTT-3.3.4-7, MQTT-3.3.4-9).
    pub fn room(&self) -> u16 {
        self.outbound.room()
    }

    /// Takes a packet id for a message at QoS 1 or 2 to a clean session; `None` if there is no room. `None` also for
    /// a durable session, whose deliveries are numbered by its shard.
    pub fn deliver(&mut self, qos: QoS) -> Option<PacketId> {
        if self.outbound.is_durable() || self.outbound.room() == 0 {
            return None;
        }
        Some(self.outbound.inflight.push(qos))
    }

    /// Whether a QoS 1 delivery with this packet id is not acknowledged.
    pub fn awaits_puback(&self, packet_id: PacketId) -> bool {
        matches!(
            self.outbound.awaiting(packet_id),
            Some((_, Awaiting::Puback))
        )
    }

    /// A delivery of a durable session, by its sequence; call in the order of the sequences.
    pub fn deliver_durable(&mut self, sequence: u64, qos: QoS) -> Delivery {
        if self.outbound.inflight.of_sequence(sequence).is_some() {
            return Delivery::Repeat;
        }
        if self.outbound.room() == 0 {
            return self.outbound.wait(sequence);
        }
        self.outbound.open(sequence, awaited_after_publish(qos))
    }

    /// A delivery whose PUBREC is committed since an earlier connection or leader: it goes on with
    /// PUBREL (MQTT-4.4.0-1), which needs no room but keeps its place in the order.
    pub fn deliver_released(&mut self, sequence: u64) -> Delivery {
        match self.outbound.inflight.of_sequence(sequence) {
            Some(Awaiting::Nothing | Awaiting::Pubcomp | Awaiting::Puback) => Delivery::Repeat,
            None | Some(Awaiting::Pubrec | Awaiting::Commit) => {
                self.outbound.open(sequence, Awaiting::Pubcomp)
            }
        }
    }

    /// A delivery that [`Delivery::Send`] allowed is not sent after all: it does not fit the client's
    /// maximum packet size (MQTT-3.1.2-25) or has expired. As if the client had acknowledged it.
    pub fn discard_durable(&mut self, sequence: u64) {
        match self.outbound.inflight.of_sequence(sequence) {
            None | Some(Awaiting::Nothing) => {}
            Some(Awaiting::Puback | Awaiting::Pubrec | Awaiting::Commit | Awaiting::Pubcomp) => {
                self.outbound.complete(sequence);
            }
        }
    }

    /// `Received` is applied for this sequence: the PUBREL that may go out now.
    pub fn received_applied(&mut self, sequence: u64) -> Option<Reply> {
        match self.outbound.inflight.of_sequence(sequence)? {
            Awaiting::Commit => {
                self.outbound.advance(sequence, Awaiting::Pubcomp);
                Some(pubrel(sequence))
            }
            Awaiting::Nothing | Awaiting::Puback | Awaiting::Pubrec | Awaiting::Pubcomp => None,
        }
    }

    /// Whether a poll would give something.
    pub fn has_reports(&self) -> bool {
        let reports = self.outbound.durable.as_ref();
        reports.is_some_and(|r| !r.acknowledged.is_empty() || !r.received.is_empty())
    }

    /// Sequences for the session's next `Acknowledge`, in the order they were completed; `None` if
    /// there are none, always for a clean session.
    pub fn poll_acknowledged(&mut self) -> Option<Vec<u64>> {
        taken(&mut self.outbound.durable.as_mut()?.acknowledged)
    }

    /// Sequences for the session's next `Received`; [`Session::received_applied`] follows for each.
    pub fn poll_received(&mut self) -> Option<Vec<u64>> {
        taken(&mut self.outbound.durable.as_mut()?.received)
    }
}

/// The client's side of flow control.
#[derive(Debug)]
pub(crate) struct Outbound {
    inflight: Inflight,
    /// Deliveries that may be open at once.
    window: u16,
    /// The durable delivery that found no room; 0 for none. No later one may overtake it, for what is
    /// below a sequence that was sent counts as sent.
    waiting: u64,
    durable: Option<Box<Reports>>,
}

/// What a durable session has to tell its shard; each list is bounded by the window.
#[derive(Debug, Default)]
struct Reports {
    acknowledged: Vec<u64>,
    received: Vec<u64>,
}

impl Outbound {
    pub(crate) fn clean(window: u16) -> Self {
        Self {
            inflight: Inflight::new(),
            window,
            waiting: 0,
            durable: None,
        }
    }

    pub(crate) fn durable(window: u16) -> Self {
        Self {
            durable: Some(Box::default()),
            ..Self::clean(window)
        }
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.durable.is_some()
    }

    fn room(&self) -> u16 {
        if !self.inflight.has_span() {
            return 0;
        }
        // PUBRELs of an earlier connection are open without having asked for room.
        self.window.saturating_sub(self.inflight.open())
    }

    fn open(&mut self, sequence: u64, awaiting: Awaiting) -> Delivery {
        let overtakes = self.waiting != 0 && sequence > self.waiting;
        if overtakes || !self.inflight.open_at(sequence, awaiting) {
            return self.wait(sequence);
        }
        if self.waiting == sequence {
            self.waiting = 0;
        }
        Delivery::Send(packet_id(sequence))
    }

    fn wait(&mut self, sequence: u64) -> Delivery {
        if self.waiting == 0 || sequence < self.waiting {
            self.waiting = sequence;
        }
        Delivery::NoRoom
    }

    pub(crate) fn awaiting(&self, packet_id: PacketId) -> Option<(u64, Awaiting)> {
        self.inflight.of_packet_id(packet_id)
    }

    pub(crate) fn advance(&mut self, sequence: u64, awaiting: Awaiting) {
        self.inflight.advance(sequence, awaiting);
    }

    /// A delivery ended.
    pub(crate) fn complete(&mut self, sequence: u64) {
        self.inflight.advance(sequence, Awaiting::Nothing);
        if let Some(reports) = &mut self.durable {
            reports.acknowledged.push(sequence);
        }
    }

    /// A durable delivery's PUBREC came.
    pub(crate) fn receive(&mut self, sequence: u64) {
        self.inflight.advance(sequence, Awaiting::Commit);
        if let Some(reports) = &mut self.durable {
            reports.received.push(sequence);
        }
    }
}

fn pubrel(sequence: u64) -> Reply {
    Reply::new(AckKind::PubRel, packet_id(sequence), ReasonCode::Success)
}

fn taken(sequences: &mut Vec<u64>) -> Option<Vec<u64>> {
    (!sequences.is_empty()).then(|| mem::take(sequences))
}
