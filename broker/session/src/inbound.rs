//! PUBLISHes of the client that are not finished: the order in which they are acknowledged
//! (MQTT-4.6.0-2, MQTT-4.6.0-3) and the packet ids of QoS 2 ones until PUBREL. Keeps no messages.

use std::collections::VecDeque;

use quorate_codec::{AckKind, PacketId, QoS, ReasonCode};

use crate::output::Reply;

/// Names a PUBLISH whose acknowledgement has to wait, until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u32);

impl Ticket {
    /// The number behind it, to build a key from; counts up and wraps.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// What is known about a QoS 2 packet id between PUBLISH and PUBREL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// `InboundStart` is on its way.
    Starting,
    /// Its message is being routed, or PUBREC waits for its turn.
    Routing,
    /// An earlier connection took it; whether its message went everywhere is not known.
    Earlier,
    /// PUBREC is sent; repeats are answered and not routed (MQTT-4.3.3-10).
    Answered,
    /// Refused; `InboundRelease` is on its way and PUBREC follows it.
    Refusing(ReasonCode),
    /// PUBREL came; `InboundRelease` is on its way.
    Releasing,
}

#[derive(Debug, Clone, Copy)]
struct HeldId {
    packet_id: PacketId,
    held: Held,
    /// Whether its PUBLISH came on this connection: only then it counts against the receive maximum,
    /// which starts anew with the connection (MQTT 5, 4.9).
    counted: bool,
    /// The shard's number for it; 0 in a clean session or before `InboundStart` is applied.
    sequence: u64,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    packet_id: PacketId,
    qos: QoS,
    /// `None` until the PUBLISH is done.
    reason: Option<ReasonCode>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    /// In the order the PUBLISHes came; empty while everything completes at once.
    pending: VecDeque<Pending>,
    /// Number of the first pending one.
    first: u32,
    /// QoS 1 PUBLISHes in `pending`.
    at_least_once: u16,
    /// Counted ids in `held`.
    exactly_once: u16,
    /// Sorted by packet id. Ids are used in ascending order, so changes happen near the ends.
    held: VecDeque<HeldId>,
}

impl Inbound {
    pub(crate) fn new(mut taken: Vec<(PacketId, u64)>) -> Self {
        taken.sort_unstable();
        let held = taken.into_iter().map(|(packet_id, sequence)| HeldId {
            packet_id,
            held: Held::Earlier,
            counted: false,
            sequence,
        });
        Self {
            held: held.collect(),
            ..Self::default()
        }
    }

    /// QoS 1 and 2 PUBLISHes that count against the receive maximum we announced.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.at_least_once) + usize::from(self.exactly_once)
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// State and sequence of a QoS 2 packet id.
    pub(crate) fn held(&self, packet_id: PacketId) -> Option<(Held, u64)> {
        let at = self.find(packet_id).ok()?;
        self.held.get(at).map(|id| (id.held, id.sequence))
    }

    /// A PUBLISH takes the packet id, or repeats what an earlier connection took.
    pub(crate) fn take(&mut self, packet_id: PacketId, held: Held) {
        let at = self.find(packet_id).unwrap_or_else(|at| {
            let id = HeldId {
                packet_id,
                held,
                counted: false,
                sequence: 0,
            };
            self.held.insert(at, id);
            at
        });
        let id = &mut self.held[at];
        id.held = held;
        if !id.counted {
            id.counted = true;
            self.exactly_once += 1;
        }
    }

    /// The state of a packet id that is taken changes.
    pub(crate) fn hold(&mut self, packet_id: PacketId, held: Held) {
        if let Ok(at) = self.find(packet_id) {
            self.held[at].held = held;
        }
    }

    pub(crate) fn set_sequence(&mut self, packet_id: PacketId, sequence: u64) {
        if let Ok(at) = self.find(packet_id) {
            self.held[at].sequence = sequence;
        }
    }

    pub(crate) fn release(&mut self, packet_id: PacketId) {
        if let Ok(at) = self.find(packet_id) {
            let removed = self.held.remove(at);
            if removed.is_some_and(|id| id.counted) {
                self.exactly_once -= 1;
            }
        }
    }

    /// Appends a PUBLISH that is not done.
    pub(crate) fn defer(&mut self, packet_id: PacketId, qos: QoS) -> Ticket {
        let ticket = Ticket(self.first.wrapping_add(self.pending.len() as u32));
        self.push(packet_id, qos, None);
        ticket
    }

    /// The acknowledgement of a PUBLISH that is done at once: returned if nothing is before it, else
    /// queued behind what is.
    pub(crate) fn settle(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        reason: ReasonCode,
    ) -> Option<Reply> {
        if self.pending.is_empty() {
            return Some(self.acknowledge(packet_id, qos, reason));
        }
        self.push(packet_id, qos, Some(reason));
        None
    }

    /// Packet id and QoS of a PUBLISH that is not done.
    pub(crate) fn undone(&self, ticket: Ticket) -> Option<(PacketId, QoS)> {
        let pending = self.pending.get(self.offset(ticket))?;
        pending
            .reason
            .is_none()
            .then_some((pending.packet_id, pending.qos))
    }

    pub(crate) fn finish(&mut self, ticket: Ticket, reason: ReasonCode) {
        let offset = self.offset(ticket);
        if let Some(pending) = self.pending.get_mut(offset) {
            pending.reason = Some(reason);
        }
    }

    /// Finishes the oldest undone PUBLISH with this QoS 2 packet id.
    pub(crate) fn finish_packet_id(&mut self, packet_id: PacketId, reason: ReasonCode) {
        let undone = self.pending.iter_mut().find(|pending| {
            pending.packet_id == packet_id
                && pending.qos == QoS::ExactlyOnce
                && pending.reason.is_none()
        });
        if let Some(pending) = undone {
            pending.reason = Some(reason);
        }
    }

    /// The next acknowledgement whose turn has come.
    pub(crate) fn poll_ack(&mut self) -> Option<Reply> {
        let Pending {
            packet_id,
            qos,
            reason,
        } = *self.pending.front()?;
        let reason = reason?;
        self.pending.pop_front();
        self.first = self.first.wrapping_add(1);
        if qos == QoS::AtLeastOnce {
            self.at_least_once -= 1;
        }
        Some(self.acknowledge(packet_id, qos, reason))
    }

    /// The acknowledgement leaves now, and only now the packet id's state follows.
    fn acknowledge(&mut self, packet_id: PacketId, qos: QoS, reason: ReasonCode) -> Reply {
        if qos != QoS::ExactlyOnce {
            return Reply::new(AckKind::PubAck, packet_id, reason);
        }
        if reason.is_error() {
            self.release(packet_id);
        } else {
            self.hold(packet_id, Held::Answered);
        }
        Reply::new(AckKind::PubRec, packet_id, reason)
    }

    fn push(&mut self, packet_id: PacketId, qos: QoS, reason: Option<ReasonCode>) {
        if qos == QoS::AtLeastOnce {
            self.at_least_once += 1;
        }
        self.pending.push_back(Pending {
            packet_id,
            qos,
            reason,
        });
    }

    fn offset(&self, ticket: Ticket) -> usize {
        ticket.0.wrapping_sub(self.first) as usize
    }

    fn find(&self, packet_id: PacketId) -> Result<usize, usize> {
        self.held
            .binary_search_by_key(&packet_id, |id| id.packet_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    #[test]
    fn acknowledgements_wait_for_the_ones_before_them() {
        let mut inbound = Inbound::default();
        let slow = inbound.defer(id(1), QoS::AtLeastOnce);
        assert_eq!(
            inbound.settle(id(2), QoS::ExactlyOnce, ReasonCode::Success),
            None
        );
        assert_eq!(inbound.poll_ack(), None);
        inbound.finish(slow, ReasonCode::Success);
        let puback = Reply::new(AckKind::PubAck, id(1), ReasonCode::Success);
        assert_eq!(inbound.poll_ack(), Some(puback));
        let pubrec = Reply::new(AckKind::PubRec, id(2), ReasonCode::Success);
        assert_eq!(inbound.poll_ack(), Some(pubrec));
        assert_eq!(inbound.poll_ack(), None);
        assert_eq!(inbound.open(), 0);
    }

    #[test]
    fn held_ids_stay_sorted_across_the_wrap() {
        let mut inbound = Inbound::default();
        for value in [65_534, 65_535, 1, 2] {
            inbound.take(id(value), Held::Answered);
        }
        assert_eq!(inbound.held(id(1)), Some((Held::Answered, 0)));
        inbound.release(id(65_534));
        assert_eq!(inbound.held(id(65_534)), None);
        assert_eq!(inbound.held.len(), 3);
        assert_eq!(inbound.open(), 3);
    }

    #[test]
    fn ids_of_an_earlier_connection_count_only_when_repeated() {
        let mut inbound = Inbound::new(vec![(id(9), 2), (id(3), 1)]);
        assert_eq!(inbound.held(id(3)), Some((Held::Earlier, 1)));
        assert_eq!(inbound.open(), 0);
        inbound.take(id(3), Held::Routing);
        assert_eq!(
            (inbound.held(id(3)), inbound.open()),
            (Some((Held::Routing, 1)), 1)
        );
        inbound.release(id(9));
        inbound.release(id(3));
        assert_eq!(inbound.open(), 0);
    }
}
