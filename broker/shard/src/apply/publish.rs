//! A message for every durable session of the shard that subscribes to it now: its place in the log decides
//! who gets it (design 2.2). All of them take it, or none.

use std::sync::Arc;

use quorate_codec::QoS;

use super::{Turn, room};
use crate::command::{Publish, ShareTurn};
use crate::limits::{ENTRY_OVERHEAD_BYTES, QueueFull};
use crate::message_store::charge;
use crate::outcome::Outcome;
use crate::queue::{Around, How};
use crate::session_table::Held;
use crate::shard::Shard;
use crate::timer::after_seconds;
use crate::types::*;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, publish: Publish) -> Outcome {
    let Publish {
        message,
        publisher,
        origin,
        plain,
        groups,
    } = publish;
    let seen = origin.is_some_and(|origin| shard.origins.contains(&origin));
    if seen && !shard.faults.forget_origin_dedup {
        return Outcome::Published(0);
    }
    let mut receivers = if plain {
        receivers(shard, &message, publisher.as_deref(), turn.time)
    } else {
        Vec::new()
    };
    for share in groups {
        match lend(shard, turn.time, &message, &share) {
            Lend::To(session, how) => receivers.push((session, how)),
            Lend::Full if shard.limits.queue_full == QueueFull::Reject => {
                return Outcome::QuotaExceeded;
            }
            Lend::Full => shard.dropped_messages += 1,
            Lend::Nobody => {}
        }
    }
    if receivers.is_empty() {
        return Outcome::Published(0);
    }
    if !has_room(shard, &message, &receivers) {
        return Outcome::QuotaExceeded;
    }
    if shard.limits.queue_full != QueueFull::Reject {
        receivers.retain(|(session, _)| room::make(shard, *session, 1, charge(&message)));
    }
    if receivers.is_empty() {
        return Outcome::Published(0);
    }
    if let Some(origin) = origin {
        shard.origins.mark(origin, shard.limits.origin_marks_max);
    }
    let count = receivers.len();
    let message = Arc::new(message);
    let id = shard.store.insert(message.clone(), count as u64);
    for (session, how) in receivers {
        let durable = shard
            .sessions
            .durable_mut(session)
            .expect("the index names durable sessions only");
        let mut around = Around {
            session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        durable.queue.push(id, message.clone(), how, &mut around);
        turn.touched.push(session);
    }
    Outcome::Published(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Every session with a matching subscription, once, in the order of ids: the best QoS, and the identifiers
/// of all its matching subscriptions (MQTT 5, 3.3.4).
fn receivers(
    shard: &Shard,
    message: &Message,
    publisher: Option<&str>,
    now: Millis,
) -> Vec<(SessionId, How)> {
    if message.qos == QoS::AtMostOnce {
        return Vec::new();
    }
    let mut matches = shard.index.matches(&message.topic);
    matches.retain(|(session, held)| {
        !(held.options.no_local && is_publisher(shard, *session, publisher))
    });
    let expires_at = message
        .expiry_seconds
        .map(|seconds| after_seconds(now, seconds));
    matches
        .chunk_by(|left, right| left.0 == right.0)
        .filter(|chunk| {
            chunk
                .iter()
                .any(|(_, held)| held.options.qos != QoS::AtMostOnce)
        })
        .map(|chunk| (chunk[0].0, merge(chunk, message, expires_at)))
        .collect()
}

/// Who of a share group gets a message.
enum Lend {
    To(SessionId, How),
    /// Members are there, but no queue has room.
    Full,
    /// The last member has left.
    Nobody,
}

/// One member, in turn: the first that can be sent it at once, else the one with the shortest queue.
fn lend(shard: &Shard, now: Millis, message: &Message, share: &ShareTurn) -> Lend {
    let candidates = shard.shares.candidates(&share.group, share.turn);
    if candidates.is_empty() || message.qos == QoS::AtMostOnce {
        return Lend::Nobody;
    }
    let bytes = charge(message);
    let queues = candidates
        .iter()
        .enumerate()
        .filter_map(|(at, (session, _))| {
            let queue = &shard.sessions.durable(*session)?.queue;
            let load = if queue.is_keeping_up() {
                0
            } else {
                queue.len()
            };
            queue
                .has_room(1, bytes, &shard.limits)
                .then_some((load, at))
        });
    let Some((_, at)) = queues.min() else {
        return Lend::Full;
    };
    let (session, held) = candidates[at];
    let expires_at = message
        .expiry_seconds
        .map(|seconds| after_seconds(now, seconds));
    let how = How {
        group: Some(share.group.clone()),
        ..merge(&[(session, held)], message, expires_at)
    };
    Lend::To(session, how)
}

fn is_publisher(shard: &Shard, session: SessionId, publisher: Option<&str>) -> bool {
    let session = shard.sessions.session(session);
    publisher.is_some() && session.map(|session| &*session.client_id) == publisher
}

fn merge(matches: &[(SessionId, Held)], message: &Message, expires_at: Option<Millis>) -> How {
    let best = matches
        .iter()
        .map(|(_, held)| held.options.qos)
        .max()
        .unwrap_or(QoS::AtMostOnce);
    let mut identifiers: Vec<u32> = matches
        .iter()
        .filter_map(|(_, held)| held.identifier)
        .collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    How {
        qos: best.min(message.qos),
        retain: message.retain
            && matches
                .iter()
                .any(|(_, held)| held.options.retain_as_published),
        identifiers: identifiers.into_boxed_slice(),
        expires_at,
        group: None,
    }
}

fn has_room(shard: &Shard, message: &Message, receivers: &[(SessionId, How)]) -> bool {
    let bytes = charge(message);
    let entries = receivers.len() as u64 * ENTRY_OVERHEAD_BYTES;
    let fits = |session: &SessionId| {
        shard
            .sessions
            .durable(*session)
            .is_some_and(|durable| durable.queue.has_room(1, bytes, &shard.limits))
    };
    let asks_queues = shard.limits.queue_full == QueueFull::Reject;
    shard.has_message_room(bytes + entries)
        && (!asks_queues || receivers.iter().all(|(session, _)| fits(session)))
}
