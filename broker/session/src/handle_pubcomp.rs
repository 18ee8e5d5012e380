//! PUBCOMP from the client: a QoS 2 delivery is complete.

use quorate_codec::Acknowledgement;

use crate::inflight::Awaiting;
use crate::output::Step;
use crate::session::{Session, protocol_error};

impl Session {
    /// A PUBCOMP came. One for an id that is not in flight is ignored.
    pub fn handle_pubcomp(&mut self, pubcomp: &Acknowledgement<'_>) -> Step<'static> {
        match self.outbound.awaiting(pubcomp.packet_id) {
            None => Step::Continue,
            Some((sequence, Awaiting::Pubcomp)) => {
                self.outbound.complete(sequence);
                Step::Settled
            }
            Some((
                _,
                Awaiting::Nothing | Awaiting::Puback | Awaiting::Pubrec | Awaiting::Commit,
            )) => protocol_error("PUBCOMP before our PUBREL"),
        }
    }
}
