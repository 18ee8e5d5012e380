//! Inbound QoS 2 of a durable publisher (P4): its packet id is taken before the message goes anywhere, under a
//! number that never comes again, and is free after its PUBREL.

use std::collections::btree_map::Entry;

use crate::command::{InboundRelease, InboundStart};
use crate::limits::INBOUND_OVERHEAD_BYTES;
use crate::outcome::Outcome;
use crate::shard::Shard;

pub(super) fn apply_start(shard: &mut Shard, start: &InboundStart) -> Outcome {
    let room = shard.has_session_room(INBOUND_OVERHEAD_BYTES);
    let Some(durable) = shard.sessions.owned(start.session, start.epoch) else {
        return Outcome::Stale;
    };
    match durable.inbound.entry(start.packet_id) {
        Entry::Occupied(taken) => Outcome::InboundStarted {
            sequence: *taken.get(),
            fresh: false,
        },
        Entry::Vacant(_) if !room => Outcome::QuotaExceeded,
        Entry::Vacant(free) => {
            durable.inbound_last += 1;
            let sequence = *free.insert(durable.inbound_last);
            shard.sessions.bytes += INBOUND_OVERHEAD_BYTES;
            Outcome::InboundStarted {
                sequence,
                fresh: true,
            }
        }
    }
}

pub(super) fn apply_release(shard: &mut Shard, release: &InboundRelease) -> Outcome {
    let Some(durable) = shard.sessions.owned(release.session, release.epoch) else {
        return Outcome::Stale;
    };
    let sequence = durable.inbound.remove(&release.packet_id);
    if sequence.is_some() {
        shard.sessions.bytes -= INBOUND_OVERHEAD_BYTES;
    }
    Outcome::InboundReleased(sequence)
}
