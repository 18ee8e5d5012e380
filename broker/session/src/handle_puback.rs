//! PUBACK from the client: a QoS 1 delivery is complete, whatever its reason code says.

use quorate_codec::Acknowledgement;

use crate::inflight::Awaiting;
use crate::output::Step;
use crate::session::{Session, protocol_error};

impl Session {
    /// A PUBACK came. One for an id that is not in flight is ignored: there is nothing to answer it with.
    pub fn handle_puback(&mut self, puback: &Acknowledgement<'_>) -> Step<'static> {
        match self.outbound.awaiting(puback.packet_id) {
            None => Step::Continue,
            Some((sequence, Awaiting::Puback)) => {
                self.outbound.complete(sequence);
                Step::Settled
            }
            Some((
                _,
                Awaiting::Nothing | Awaiting::Pubrec | Awaiting::Commit | Awaiting::Pubcomp,
            )) => protocol_error("PUBACK for a QoS 2 delivery"),
        }
    }
}
