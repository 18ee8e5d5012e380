//! The client as a receiver: passes messages on, QoS 2 ones once per packet id until it is released, and
//! acknowledges in order, at once or later.

use quorate_codec::{AckKind, Acknowledgement, PacketId, Publish, QoS};

use super::{Client, Surroundings, message_of};
use crate::history::{Arrival, Event};
use crate::invariants::Violation;
use crate::limits::CLIENT_ACKS_MAX;

impl Client {
    pub(super) fn handle_publish(
        &mut self,
        publish: &Publish<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        let Some(message) = message_of(publish.payload) else {
            return Err(self.broken("a payload nobody sent"));
        };
        let known = around.history.messages.get(message);
        if known.is_none_or(|known| known.topic != publish.topic) {
            return Err(self.broken("a message nobody published to that topic"));
        }
        let id = publish.packet_id.map(PacketId::get);
        let passed = match (publish.qos, id) {
            (QoS::ExactlyOnce, Some(id)) => self.received.insert(id),
            (QoS::AtMostOnce | QoS::AtLeastOnce | QoS::ExactlyOnce, _) => true,
        };
        let arrival = Arrival {
            packet_id: id,
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            passed,
        };
        let (client, link) = (self.number, around.link.number);
        around.history.note(Event::Received {
            client,
            link,
            message,
            arrival,
        });
        let kind = match publish.qos {
            QoS::AtMostOnce => return Ok(()),
            QoS::AtLeastOnce => AckKind::PubAck,
            QoS::ExactlyOnce => AckKind::PubRec,
        };
        self.acknowledge(kind, publish.packet_id, around);
        Ok(())
    }

    pub(super) fn handle_pubrel(
        &mut self,
        ack: &Acknowledgement<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        let packet_id = ack.packet_id.get();
        self.received.remove(&packet_id);
        around.history.note(Event::Released {
            client: self.number,
            packet_id,
        });
        self.acknowledge(AckKind::PubComp, Some(ack.packet_id), around);
        Ok(())
    }

    fn acknowledge(&mut self, kind: AckKind, id: Option<PacketId>, around: &mut Surroundings<'_>) {
        self.acks.extend(id.map(|id| (kind, id)));
        let holds_back = self.profile.slow && self.acks.len() < CLIENT_ACKS_MAX;
        if !holds_back {
            self.send_acks(usize::MAX, around);
        }
    }

    /// Sends some of what was held back.
    pub(crate) fn send_acks(&mut self, count: usize, around: &mut Surroundings<'_>) {
        if !self.is_connected() {
            return;
        }
        let count = count.min(self.acks.len());
        for (kind, id) in self.acks.drain(..count) {
            quorate_codec::encode_ack(kind, id, &mut around.link.to_node);
        }
    }
}
