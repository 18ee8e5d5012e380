//! PUBLISH from the client, at all three QoS, and what comes of it. Routes nothing.

use quorate_codec::{AckKind, PacketId, Publish, QoS, ReasonCode};

use crate::inbound::{Held, Ticket};
use crate::output::{Reply, Step};
use crate::session::{Session, close, protocol_error};

/// A PUBLISH at QoS 1 or 2 that is being routed. Not `Clone`: it is completed or deferred, once.
#[derive(Debug)]
#[must_use]
pub struct Publishing {
    packet_id: PacketId,
    qos: QoS,
    sequence: Option<u64>,
}

impl Publishing {
    /// Inbound sequence for the command's origin: this is the repeat of a QoS 2 message that an
    /// earlier connection started.
    pub fn sequence(&self) -> Option<u64> {
        self.sequence
    }
}

impl Session {
    /// A PUBLISH came.
    pub fn handle_publish(&mut self, publish: &Publish<'_>) -> Step<'static> {
        // One that stands behind an alias was looked at when the alias was set.
        if let Some(step) = self.refuse_publish(publish) {
            return step;
        }
        if let Some(step) = self.take_alias(publish) {
            return step;
        }
        if publish.properties.has_subscription_ids() {
            return protocol_error("subscription identifier from a client");
        }
        let capabilities = &self.limits.capabilities;
        if publish.qos > capabilities.maximum_qos {
            return close(ReasonCode::QoSNotSupported, "QoS above our maximum");
        }
        if publish.retain && !capabilities.retain {
            return close(ReasonCode::RetainNotSupported, "retained messages are off");
        }
        let Some(packet_id) = publish.packet_id else {
            return Step::Route;
        };
        match publish.qos {
            QoS::AtMostOnce => Step::Route,
            QoS::AtLeastOnce => self.publish_at_least_once(packet_id),
            QoS::ExactlyOnce => self.publish_exactly_once(packet_id),
        }
    }

    /// All parts of the PUBLISH were done at once. The reason is *Success*, *No matching subscribers*,
    /// or an error for the acknowledgement; a 3.1.1 client is disconnected on an error, having no
    /// negative acknowledgement. Allocates nothing while no earlier PUBLISH waits.
    pub fn publish_completed(
        &mut self,
        publishing: Publishing,
        reason: ReasonCode,
    ) -> Step<'static> {
        let Publishing { packet_id, qos, .. } = publishing;
        if let Some(step) = self.refuse(packet_id, qos, reason) {
            if matches!(step, Step::ReleaseInbound { .. }) {
                self.inbound.defer(packet_id, qos);
            }
            return step;
        }
        self.settle(packet_id, qos, reason)
    }

    /// Some part of the PUBLISH waits for a shard or another thread; [`Session::publish_done`] follows.
    pub fn publish_deferred(&mut self, publishing: Publishing) -> Ticket {
        self.inbound.defer(publishing.packet_id, publishing.qos)
    }

    /// All parts of a deferred PUBLISH are done; the reason is as in [`Session::publish_completed`].
    /// Then drain [`Session::poll_ack`].
    pub fn publish_done(&mut self, ticket: Ticket, reason: ReasonCode) -> Step<'static> {
        let Some((packet_id, qos)) = self.inbound.undone(ticket) else {
            return Step::Continue;
        };
        if let Some(step) = self.refuse(packet_id, qos, reason) {
            return step;
        }
        self.inbound.finish(ticket, reason);
        Step::Continue
    }

    /// `InboundStart` is applied and gave the packet id this sequence: route the message now.
    pub fn inbound_started(&mut self, ticket: Ticket, sequence: u64) {
        if let Some((packet_id, _)) = self.inbound.undone(ticket) {
            self.inbound.hold(packet_id, Held::Routing);
            self.inbound.set_sequence(packet_id, sequence);
        }
    }

    /// The next PUBACK, PUBREC or PUBCOMP whose turn has come.
    pub fn poll_ack(&mut self) -> Option<Reply> {
        self.inbound.poll_ack()
    }

    fn publish_at_least_once(&mut self, packet_id: PacketId) -> Step<'static> {
        if let Some(step) = self.check_open() {
            return step;
        }
        if self.inbound.held(packet_id).is_some() && self.version.is_v5() {
            let reason = ReasonCode::PacketIdentifierInUse;
            return self.settle(packet_id, QoS::AtLeastOnce, reason);
        }
        Step::RouteAcknowledged(Publishing {
            packet_id,
            qos: QoS::AtLeastOnce,
            sequence: None,
        })
    }

    fn publish_exactly_once(&mut self, packet_id: PacketId) -> Step<'static> {
        let qos = QoS::ExactlyOnce;
        match self.inbound.held(packet_id) {
            None => {}
            Some((Held::Earlier, sequence)) => {
                self.inbound.take(packet_id, Held::Routing);
                return Step::RouteAcknowledged(Publishing {
                    packet_id,
                    qos,
                    sequence: Some(sequence),
                });
            }
            Some((Held::Answered, _)) => {
                // The first PUBREC went in its turn. Queued, this one could come after PUBCOMP and be
                // taken for the answer to the next message under this id.
                let reason = ReasonCode::Success;
                return Step::Send(Reply::new(AckKind::PubRec, packet_id, reason));
            }
            // The answer is on its way already.
            Some((Held::Starting | Held::Routing | Held::Refusing(_) | Held::Releasing, _)) => {
                return Step::Continue;
            }
        }
        if let Some(step) = self.check_open() {
            return step;
        }
        if self.outbound.is_durable() {
            self.inbound.take(packet_id, Held::Starting);
            let ticket = self.inbound.defer(packet_id, qos);
            return Step::StartInbound { ticket, packet_id };
        }
        self.inbound.take(packet_id, Held::Routing);
        Step::RouteAcknowledged(Publishing {
            packet_id,
            qos,
            sequence: None,
        })
    }

    /// One more open PUBLISH: more than we announced is the client's error (MQTT-3.3.4-9).
    pub(crate) fn check_open(&self) -> Option<Step<'static>> {
        let open = self.inbound.open();
        let announced = usize::from(self.limits.inbound_messages_max);
        if self.version.is_v5() && open >= announced {
            return Some(close(
                ReasonCode::ReceiveMaximumExceeded,
                "more open PUBLISHes than our receive maximum",
            ));
        }
        self.inbound_is_full().then(too_many)
    }

    /// 3.1.1 knows no receive maximum, but no client has more packet ids than this.
    fn inbound_is_full(&self) -> bool {
        self.inbound.pending() >= usize::from(u16::MAX)
    }

    /// A step other than an acknowledgement, if the PUBLISH was refused and needs one.
    fn refuse(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        reason: ReasonCode,
    ) -> Option<Step<'static>> {
        if !reason.is_error() {
            return None;
        }
        if !self.version.is_v5() {
            return Some(close(reason, "PUBLISH refused"));
        }
        if qos != QoS::ExactlyOnce || !self.outbound.is_durable() {
            return None;
        }
        let (held, sequence) = self.inbound.held(packet_id)?;
        if held != Held::Routing {
            return None;
        }
        // The client takes the id for free once it has this PUBREC, so its sequence must go first:
        // the next message under it would be dropped as a repeat.
        self.inbound.hold(packet_id, Held::Refusing(reason));
        Some(Step::ReleaseInbound {
            packet_id,
            sequence,
        })
    }

    pub(crate) fn settle(
        &mut self,
        packet_id: PacketId,
        qos: QoS,
        reason: ReasonCode,
    ) -> Step<'static> {
        match self.inbound.settle(packet_id, qos, reason) {
            Some(reply) => Step::Send(reply),
            None => Step::Continue,
        }
    }
}

fn too_many() -> Step<'static> {
    close(ReasonCode::QuotaExceeded, "too many open PUBLISHes")
}
