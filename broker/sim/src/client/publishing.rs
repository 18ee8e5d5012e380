//! The client as a publisher: PUBLISH until its acknowledgement, across connections.

use quorate_codec::{Acknowledgement, Packet, PacketId, Publish, PublishProperties, QoS};

use super::{Client, Surroundings, is_acknowledged, payload, send};
use crate::history::{Event, MessageNumber, Published};
use crate::invariants::Violation;
use crate::limits::{CLIENT_IN_FLIGHT_MAX, MESSAGES_MAX};
use crate::scenario::TOPICS;

/// A PUBLISH that is not complete.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) packet_id: PacketId,
    message: MessageNumber,
    payload: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// PUBACK or PUBREC is awaited.
    Published,
    /// PUBCOMP is awaited.
    Released,
}

impl Client {
    /// Publishes something new, if it may.
    pub(crate) fn publish(&mut self, around: &mut Surroundings<'_>) {
        let full = self.outgoing.len() >= CLIENT_IN_FLIGHT_MAX;
        if !self.profile.publishes || full || around.history.messages.len() >= MESSAGES_MAX {
            return;
        }
        let qos = *around.random.pick(&[
            QoS::AtMostOnce,
            QoS::AtLeastOnce,
            QoS::AtLeastOnce,
            QoS::ExactlyOnce,
            QoS::ExactlyOnce,
        ]);
        let message = around.history.add_message(Published {
            publisher: self.number,
            topic: (*around.random.pick(&TOPICS)).to_owned(),
            qos,
            retain: around.random.one_in(8),
            will_of: None,
            will_delay_seconds: 0,
        });
        let payload = payload(around.random, message);
        if !is_acknowledged(qos) {
            self.send_publish(message, &payload, None, false, around);
            return;
        }
        let packet_id = self.draw_packet_id();
        self.send_publish(message, &payload, Some(packet_id), false, around);
        let stage = Stage::Published;
        self.outgoing.push_back(Outgoing {
            packet_id,
            message,
            payload,
            stage,
        });
    }

    /// Everything that is not complete, again, in its order (MQTT-4.4.0-1).
    pub(super) fn resend(&mut self, around: &mut Surroundings<'_>) {
        let outgoing = std::mem::take(&mut self.outgoing);
        for one in &outgoing {
            match one.stage {
                Stage::Published => {
                    self.send_publish(one.message, &one.payload, Some(one.packet_id), true, around);
                }
                Stage::Released => self.send_pubrel(one.packet_id, around),
            }
        }
        self.outgoing = outgoing;
    }

    fn send_publish(
        &self,
        message: MessageNumber,
        payload: &[u8],
        packet_id: Option<PacketId>,
        dup: bool,
        around: &mut Surroundings<'_>,
    ) {
        let Published {
            topic, qos, retain, ..
        } = &around.history.messages[message];
        let publish = Publish {
            dup,
            qos: *qos,
            retain: *retain,
            packet_id,
            topic,
            properties: PublishProperties::NONE,
            payload,
        };
        send(
            &Packet::Publish(publish),
            self.profile.version,
            &mut around.link.to_node,
        );
        let packet_id = packet_id.map(PacketId::get);
        around.history.note(Event::Sent {
            client: self.number,
            message,
            packet_id,
            dup,
        });
    }

    fn send_pubrel(&self, packet_id: PacketId, around: &mut Surroundings<'_>) {
        let packet = Packet::PubRel(Acknowledgement::success(packet_id));
        send(&packet, self.profile.version, &mut around.link.to_node);
    }

    pub(super) fn handle_puback(
        &mut self,
        ack: &Acknowledgement<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        let qos = QoS::AtLeastOnce;
        let Some(place) = self.find(ack.packet_id, Stage::Published, qos, around) else {
            return Err(self.broken(&format!("PUBACK {} for nothing", ack.packet_id)));
        };
        self.note_answer(place, ack, around);
        self.outgoing.remove(place);
        Ok(())
    }

    pub(super) fn handle_pubrec(
        &mut self,
        ack: &Acknowledgement<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<(), Violation> {
        let qos = QoS::ExactlyOnce;
        let Some(place) = self.find(ack.packet_id, Stage::Published, qos, around) else {
            return Err(self.broken(&format!("PUBREC {} for nothing", ack.packet_id)));
        };
        self.note_answer(place, ack, around);
        if ack.reason.is_error() {
            self.outgoing.remove(place);
        } else {
            self.outgoing[place].stage = Stage::Released;
            self.send_pubrel(ack.packet_id, around);
        }
        Ok(())
    }

    pub(super) fn handle_pubcomp(&mut self, ack: &Acknowledgement<'_>) -> Result<(), Violation> {
        let place = self
            .outgoing
            .iter()
            .position(|one| one.packet_id == ack.packet_id && one.stage == Stage::Released);
        let Some(place) = place else {
            return Err(self.broken(&format!("PUBCOMP {} for nothing", ack.packet_id)));
        };
        self.outgoing.remove(place);
        Ok(())
    }

    fn note_answer(&self, place: usize, ack: &Acknowledgement<'_>, around: &mut Surroundings<'_>) {
        let (client, message) = (self.number, self.outgoing[place].message);
        around.history.note(if ack.reason.is_error() {
            Event::Refused { client, message }
        } else {
            Event::Acknowledged { client, message }
        });
    }

    fn find(
        &self,
        id: PacketId,
        stage: Stage,
        qos: QoS,
        around: &Surroundings<'_>,
    ) -> Option<usize> {
        self.outgoing.iter().position(|one| {
            let is_qos = around.history.messages[one.message].qos == qos;
            one.packet_id == id && one.stage == stage && is_qos
        })
    }
}
