//! What absent members of share groups have not got is published to their groups again (design 2.5): all that was not
//! sent, and QoS 1 messages that were sent and not acknowledged. QoS 2 messages that were sent stay with their
//! session (MQTT-4.8.2-4, MQTT-4.8.2-5).

use std::sync::Arc;

use super::{Turn, end_session};
use crate::command::Reclaim;
use crate::outcome::Outcome;
use crate::queue::{Around, Queue, Shared};
use crate::record::PendingWill;
use crate::shard::Shard;
use crate::types::*;

/// Somebody else of the group is there: its absent members give up what they can.
pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, reclaim: &Reclaim) -> Outcome {
    for session in shard.shares.absent(&reclaim.group).to_vec() {
        let Some(entry) = shard.sessions.session_mut(session) else {
            continue;
        };
        let client_id = entry.client_id.clone();
        let Some(durable) = entry.durable.as_deref_mut() else {
            continue;
        };
        let mut around = Around {
            session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        let shared = durable.queue.take_shared(Some(&reclaim.group), &mut around);
        lend_again(shard, turn, session, &client_id, shared);
    }
    Outcome::Done
}

/// A session ends: what its groups can still use of its queue goes on.
pub(super) fn at_end(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    client_id: &Arc<str>,
    queue: &mut Queue,
) {
    let mut around = Around {
        session,
        store: &mut shard.store,
        timers: &mut shard.timers,
    };
    let shared = queue.take_shared(None, &mut around);
    lend_again(shard, turn, session, client_id, shared);
}

/// Each is state until it is reported as published, like a will: another member gets it even if this leader dies.
fn lend_again(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    client_id: &Arc<str>,
    shared: Vec<Shared>,
) {
    for Shared {
        group,
        message,
        expires_at,
    } in shared
    {
        let rest = expires_at.map(|at| at.saturating_sub(turn.time).div_ceil(1000));
        let message = Message {
            // It is kept already, if it was to be.
            retain: false,
            expiry_seconds: rest.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
            ..Message::clone(&message)
        };
        let epoch = shard.sessions.next_epoch();
        let pending = PendingWill {
            session,
            epoch,
            client_id: client_id.clone(),
            message,
            group: Some(group),
        };
        end_session::publish(shard, turn, pending);
    }
}
