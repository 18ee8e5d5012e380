//! PUBREL from the client: the packet id of an inbound QoS 2 PUBLISH is free again.

use quorate_codec::{AckKind, Acknowledgement, PacketId, ReasonCode};

use crate::inbound::Held;
use crate::output::{Reply, Step};
use crate::session::{Session, protocol_error};

impl Session {
    /// A PUBREL came.
    pub fn handle_pubrel(&mut self, pubrel: &Acknowledgement<'_>) -> Step<'static> {
        let packet_id = pubrel.packet_id;
        let Some((held, sequence)) = self.inbound.held(packet_id) else {
            let reason = ReasonCode::PacketIdentifierNotFound;
            return Step::Send(Reply::new(AckKind::PubComp, packet_id, reason));
        };
        match held {
            Held::Answered | Held::Earlier if self.outbound.is_durable() => {
                self.inbound.hold(packet_id, Held::Releasing);
                Step::ReleaseInbound {
                    packet_id,
                    sequence,
                }
            }
            Held::Answered | Held::Earlier => {
                self.inbound.release(packet_id);
                pubcomp(packet_id)
            }
            Held::Releasing => Step::Continue,
            Held::Starting | Held::Routing | Held::Refusing(_) => {
                protocol_error("PUBREL before our PUBREC")
            }
        }
    }

    /// `InboundRelease` is applied. Do the step, then drain [`Session::poll_ack`].
    pub fn inbound_released(&mut self, packet_id: PacketId) -> Step<'static> {
        let Some((held, _)) = self.inbound.held(packet_id) else {
            return Step::Continue;
        };
        match held {
            Held::Releasing => {
                self.inbound.release(packet_id);
                pubcomp(packet_id)
            }
            Held::Refusing(reason) => {
                self.inbound.hold(packet_id, Held::Routing);
                self.inbound.finish_packet_id(packet_id, reason);
                Step::Continue
            }
            Held::Starting | Held::Routing | Held::Earlier | Held::Answered => Step::Continue,
        }
    }
}

fn pubcomp(packet_id: PacketId) -> Step<'static> {
    let reason = ReasonCode::Success;
    Step::Send(Reply::new(AckKind::PubComp, packet_id, reason))
}
