//! Messages for one session: retained ones that a new subscription asks for (MQTT 5, 3.3.1.3).

use std::sync::Arc;

use quorate_codec::QoS;

use super::{Turn, room};
use crate::command::Enqueue;
use crate::limits::{ENTRY_OVERHEAD_BYTES, QueueFull};
use crate::message_store::charge;
use crate::outcome::Outcome;
use crate::queue::{Around, How};
use crate::shard::Shard;
use crate::timer::after_seconds;
use crate::types::Message;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, enqueue: Enqueue) -> Outcome {
    let Enqueue {
        session,
        epoch,
        mut messages,
        identifier,
    } = enqueue;
    messages.retain(|message| message.qos != QoS::AtMostOnce);
    let count = messages.len() as u64;
    let bytes = messages.iter().map(charge).sum::<u64>();
    let room = shard.has_message_room(bytes + count * ENTRY_OVERHEAD_BYTES);
    let policy = shard.limits.queue_full;
    let Some(durable) = shard.sessions.owned(session, epoch) else {
        return Outcome::Stale;
    };
    let rejects = policy == QueueFull::Reject;
    if !room || rejects && !durable.queue.has_room(count, bytes, &shard.limits) {
        return Outcome::QuotaExceeded;
    }
    if !rejects && !room::make(shard, session, count, bytes) {
        return Outcome::Done;
    }
    let Some(durable) = shard.sessions.owned(session, epoch) else {
        return Outcome::Stale;
    };
    for message in messages {
        let how = how(&message, identifier, turn.time);
        let message = Arc::new(message);
        let id = shard.store.insert(message.clone(), 1);
        let mut around = Around {
            session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        durable.queue.push(id, message, how, &mut around);
    }
    turn.touched.push(session);
    Outcome::Done
}

fn how(message: &Message, identifier: Option<u32>, now: u64) -> How {
    How {
        qos: message.qos,
        retain: true,
        identifiers: identifier.into_iter().collect(),
        expires_at: message
            .expiry_seconds
            .map(|seconds| after_seconds(now, seconds)),
        group: None,
    }
}
