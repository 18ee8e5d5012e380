//! A session's end, whatever brought it: nothing of it is left but the will it may have to publish.

use std::sync::Arc;

use quorate_codec::ShareFilter;

use super::{Turn, reclaim};
use crate::effect::Effect;
use crate::queue::Around;
use crate::record::PendingWill;
use crate::session_table::{Durable, Held, Session};
use crate::shard::Shard;
use crate::timer::Timer;
use crate::types::*;

/// Ends the session. A will that it still has fires: a delayed one because the session's end comes before
/// its delay's (MQTT-3.1.3-9), the owner's because its connection is taken from it.
pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, id: SessionId) {
    let Some(session) = shard.sessions.remove(id) else {
        return;
    };
    let Session {
        client_id,
        claimant,
        expiry_seconds: _,
        will,
        durable,
    } = session;
    if let (Some(will), Some(claimant)) = (will, claimant) {
        fire(
            shard,
            turn,
            (id, claimant.owner.epoch),
            client_id.clone(),
            will.message,
        );
    }
    if let Some(durable) = durable {
        clear(shard, turn, id, &client_id, *durable);
    }
}

/// The will is due: state until it is reported as published (P6).
pub(super) fn fire(
    shard: &mut Shard,
    turn: &mut Turn,
    (session, epoch): (SessionId, Epoch),
    client_id: Arc<str>,
    message: Message,
) {
    let will = PendingWill {
        session,
        epoch,
        client_id,
        message,
        group: None,
    };
    publish(shard, turn, will);
}

/// Something to publish, which is state until it is reported as published.
pub(super) fn publish(shard: &mut Shard, turn: &mut Turn, will: PendingWill) {
    turn.effects.push(Effect::PublishWill {
        session: will.session,
        client_id: will.client_id.clone(),
        epoch: will.epoch,
        message: will.message.clone(),
        group: will.group.clone(),
    });
    let fresh = shard.wills.add(will);
    assert!(fresh, "a number is given once");
}

/// The members of a share group have changed.
pub(super) fn share_changed(shard: &Shard, turn: &mut Turn, group: &Arc<str>) {
    let count = shard.shares.count(group);
    turn.effects
        .push(Effect::ShareChanged(group.clone(), count));
}

/// A session is connected now, or is not any more: its share groups have to know.
pub(super) fn set_connected(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    connected: bool,
) {
    let Some(durable) = shard.sessions.durable(session) else {
        return;
    };
    let groups = durable.subscriptions.keys();
    let groups: Vec<Arc<str>> = groups
        .filter(|filter| filter.starts_with(ShareFilter::PREFIX))
        .cloned()
        .collect();
    for group in groups {
        if shard.shares.set_connected(&group, session, connected) {
            share_changed(shard, turn, &group);
        }
    }
}

fn clear(
    shard: &mut Shard,
    turn: &mut Turn,
    id: SessionId,
    client_id: &Arc<str>,
    durable: Durable,
) {
    let Durable {
        ends_at,
        delayed_will,
        subscriptions,
        inbound,
        inbound_last: _,
        mut queue,
    } = durable;
    if let Some(at) = ends_at {
        shard.timers.cancel(at, Timer::SessionEnds(id));
    }
    if let Some(delayed) = delayed_will {
        shard.timers.cancel(delayed.due, Timer::WillDue(id));
        fire(
            shard,
            turn,
            (id, delayed.epoch),
            client_id.clone(),
            delayed.message,
        );
    }
    for (filter, held) in subscriptions {
        unindex(shard, turn, id, filter, held);
    }
    reclaim::at_end(shard, turn, id, client_id, &mut queue);
    queue.clear(&mut Around {
        session: id,
        store: &mut shard.store,
        timers: &mut shard.timers,
    });
    let shard_id = shard.id;
    let origin = |sequence| Origin::Inbound {
        shard: shard_id,
        session: id,
        sequence,
    };
    forget(shard, turn, inbound.into_values().map(origin).collect());
}

/// A subscription is gone.
pub(super) fn unindex(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    filter: Arc<str>,
    held: Held,
) {
    if filter.starts_with(ShareFilter::PREFIX) {
        shard.shares.leave(&filter, session);
        share_changed(shard, turn, &filter);
        return;
    }
    if shard.index.remove(&filter, session, held) {
        turn.effects.push(Effect::InterestRemoved(filter));
    }
}

/// No shard needs to recognise these any more.
pub(super) fn forget(shard: &mut Shard, turn: &mut Turn, origins: Vec<Origin>) {
    for origin in &origins {
        shard
            .origins
            .note_forgettable(*origin, shard.limits.origin_marks_max);
    }
    if !origins.is_empty() {
        turn.effects.push(Effect::ForgetOrigins(origins));
    }
}
