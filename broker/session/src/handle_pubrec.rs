//! PUBREC from the client: it has a QoS 2 delivery, or refuses it.

use quorate_codec::{AckKind, Acknowledgement, ReasonCode};

use crate::inflight::Awaiting;
use crate::output::{Reply, Step};
use crate::session::{Session, protocol_error};

impl Session {
    /// A PUBREC came. PUBREL goes out at once in a clean session, and after the commit in a durable one.
    pub fn handle_pubrec(&mut self, pubrec: &Acknowledgement<'_>) -> Step<'static> {
        let packet_id = pubrec.packet_id;
        let Some((sequence, awaiting)) = self.outbound.awaiting(packet_id) else {
            if pubrec.reason.is_error() {
                return Step::Continue;
            }
            let reason = ReasonCode::PacketIdentifierNotFound;
            return Step::Send(Reply::new(AckKind::PubRel, packet_id, reason));
        };
        match awaiting {
            Awaiting::Pubrec if pubrec.reason.is_error() => {
                self.outbound.complete(sequence);
                Step::Settled
            }
            Awaiting::Pubrec if self.outbound.is_durable() => {
                self.outbound.receive(sequence);
                Step::Settled
            }
            Awaiting::Pubrec | Awaiting::Pubcomp => {
                self.outbound.advance(sequence, Awaiting::Pubcomp);
                let reason = ReasonCode::Success;
                Step::Send(Reply::new(AckKind::PubRel, packet_id, reason))
            }
            Awaiting::Commit => Step::Continue,
            Awaiting::Nothing | Awaiting::Puback => protocol_error("PUBREC for a QoS 1 delivery"),
        }
    }
}
