//! What becomes due by a batch's stamp: session ends, will delays, expired entries and retained messages.

use super::{Turn, end_session};
use crate::limits::TIMERS_PER_BATCH_MAX;
use crate::message_store::charge;
use crate::shard::Shard;
use crate::timer::Timer;
use crate::types::*;

/// Runs what is due, at most `TIMERS_PER_BATCH_MAX` of it; the rest stays due for the next batch.
pub(super) fn run(shard: &mut Shard, turn: &mut Turn) {
    for _ in 0..TIMERS_PER_BATCH_MAX {
        let Some((_, timer)) = shard.timers.pop_due(turn.time) else {
            return;
        };
        match timer {
            Timer::SessionEnds(session) => end_session::apply(shard, turn, session),
            Timer::WillDue(session) => fire_delayed(shard, turn, session),
            Timer::EntryExpires(session, sequence) => {
                if let Some(durable) = shard.sessions.durable_mut(session) {
                    durable.queue.expire(sequence, &mut shard.store);
                }
            }
            Timer::RetainedExpires(topic) => shard.retained.clear(&topic, &mut shard.timers),
        }
    }
}

fn fire_delayed(shard: &mut Shard, turn: &mut Turn, session: SessionId) {
    let Some(entry) = shard.sessions.session_mut(session) else {
        return;
    };
    let client_id = entry.client_id.clone();
    let Some(durable) = entry.durable.as_deref_mut() else {
        return;
    };
    let Some(delayed) = durable.delayed_will.take() else {
        return;
    };
    shard.sessions.bytes -= charge(&delayed.message);
    end_session::fire(
        shard,
        turn,
        (session, delayed.epoch),
        client_id,
        delayed.message,
    );
}
