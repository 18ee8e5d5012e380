//! A topic's retained message is set, or cleared by an empty payload (MQTT-3.3.1-5, -6).

use std::sync::Arc;

use super::Turn;
use crate::command::Retain;
use crate::outcome::Outcome;
use crate::record::Retained;
use crate::shard::Shard;
use crate::timer::after_seconds;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, retain: Retain) -> Outcome {
    let Retain { message } = retain;
    if message.payload.is_empty() {
        shard.retained.clear(&message.topic, &mut shard.timers);
        return Outcome::Done;
    }
    if !shard
        .retained
        .has_room(&message, shard.limits.retained_bytes_max)
    {
        return Outcome::QuotaExceeded;
    }
    let expires_at = message
        .expiry_seconds
        .map(|seconds| after_seconds(turn.time, seconds));
    shard.retained.set(
        Retained {
            message: Arc::new(message),
            expires_at,
        },
        &mut shard.timers,
    );
    Outcome::Done
}
