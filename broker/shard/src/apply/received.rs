//! PUBRECs came: from now on these deliveries are repeated as PUBREL, never as PUBLISH (MQTT-4.3.3-7).

use crate::command::Received;
use crate::outcome::Outcome;
use crate::shard::Shard;

pub(super) fn apply(shard: &mut Shard, received: &Received) -> Outcome {
    let Received {
        session,
        epoch,
        sequences,
    } = received;
    let Some(durable) = shard.sessions.owned(*session, *epoch) else {
        return Outcome::Stale;
    };
    for sequence in sequences {
        durable.queue.receive(*sequence);
    }
    Outcome::Done
}
