//! Deliveries are complete; the window has room again.

use super::Turn;
use crate::command::Acknowledge;
use crate::outcome::Outcome;
use crate::shard::Shard;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, acknowledge: &Acknowledge) -> Outcome {
    let Acknowledge {
        session,
        epoch,
        sequences,
    } = acknowledge;
    let Some(durable) = shard.sessions.owned(*session, *epoch) else {
        return Outcome::Stale;
    };
    for sequence in sequences {
        // One that is not in flight is a repeat, or a client's mistake that must not cost others anything.
        durable.queue.acknowledge(*sequence, &mut shard.store);
    }
    turn.touched.push(*session);
    Outcome::Done
}
