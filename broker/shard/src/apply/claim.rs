//! A connection takes a client id (P3): the owner before it loses the session, a new epoch begins, and the
//! session goes on, or is discarded (MQTT 5, 3.1.2.4 and 3.1.4).

use super::{Turn, end_session};
use crate::command::Claim;
use crate::effect::Effect;
use crate::message_store::charge;
use crate::outcome::{Claimed, Outcome};
use crate::queue::{Marks, Queue};
use crate::record::Claimant;
use crate::session_table::{Durable, Session, session_charge};
use crate::shard::Shard;
use crate::timer::Timer;
use crate::types::*;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, claim: Claim) -> Outcome {
    let known = shard.sessions.find(&claim.client_id);
    if !has_room(shard, &claim, known) {
        return Outcome::QuotaExceeded;
    }
    let previous = known.and_then(|session| take_over(shard, turn, session, claim.clean_start));
    let owner = Owner {
        node: claim.node,
        epoch: shard.sessions.next_epoch(),
    };
    let claimant = Claimant {
        owner,
        incarnation: turn.incarnation,
    };
    let kept = shard.sessions.find(&claim.client_id);
    let session = match kept {
        Some(session) => {
            resume(shard, session, claimant, claim);
            end_session::set_connected(shard, turn, session, true);
            turn.touched.push(session);
            session
        }
        None => begin(shard, claimant, claim),
    };
    let durable = shard.sessions.durable(session);
    Outcome::Claimed(Box::new(Claimed {
        session,
        epoch: owner.epoch,
        present: kept.is_some(),
        durable: durable.is_some(),
        previous,
        subscriptions: durable.map_or_else(Vec::new, |durable| durable.subscriptions().collect()),
        inbound: durable.map_or_else(Vec::new, |durable| {
            durable
                .inbound
                .iter()
                .map(|(id, number)| (*id, *number))
                .collect()
        }),
    }))
}

/// Whether the new session and the new will are within bounds. What a takeover frees is not counted on.
fn has_room(shard: &Shard, claim: &Claim, known: Option<SessionId>) -> bool {
    let entry = if known.is_some() {
        0
    } else {
        session_charge(&claim.client_id)
    };
    let will = claim.will.as_ref().map_or(0, |will| charge(&will.message));
    shard.has_session_room(entry + will)
}

/// Takes the session from its owner and ends it if it does not go on; who the owner was.
fn take_over(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    clean_start: bool,
) -> Option<Owner> {
    let entry = shard.sessions.session(session)?;
    let previous = entry.claimant.map(|claimant| claimant.owner);
    // A session whose last connection asked for no expiry ends with that connection (MQTT 5, 3.1.2.11.2).
    let ends = clean_start
        || (previous.is_some() && (entry.durable.is_none() || entry.expiry_seconds == 0));
    if let Some(owner) = previous {
        turn.effects.push(Effect::Close { session, owner });
    }
    if ends {
        end_session::apply(shard, turn, session);
    } else {
        settle_will(shard, turn, session);
    }
    previous
}

/// The wills of a session that goes on: one without delay fires, since its connection is closed; one whose
/// delay runs or would have begun does not (MQTT 5, 3.1.3.2.2).
fn settle_will(shard: &mut Shard, turn: &mut Turn, session: SessionId) {
    let Some(entry) = shard.sessions.session_mut(session) else {
        return;
    };
    let client_id = entry.client_id.clone();
    let delayed = entry
        .durable
        .as_deref_mut()
        .and_then(|durable| durable.delayed_will.take());
    let will = entry.will.take();
    let epoch = entry.claimant.map(|claimant| claimant.owner.epoch);
    if let Some(delayed) = delayed {
        shard.sessions.bytes -= charge(&delayed.message);
        shard.timers.cancel(delayed.due, Timer::WillDue(session));
    }
    if let (Some(will), Some(epoch)) = (will, epoch) {
        shard.sessions.bytes -= charge(&will.message);
        if will.delay_seconds == 0 {
            end_session::fire(shard, turn, (session, epoch), client_id, will.message);
        }
    }
}

/// The session goes on under a new owner.
fn resume(shard: &mut Shard, session: SessionId, claimant: Claimant, claim: Claim) {
    shard.sessions.bytes += claim.will.as_ref().map_or(0, |will| charge(&will.message));
    let entry = shard
        .sessions
        .session_mut(session)
        .expect("the session was just found");
    let durable = entry
        .durable
        .as_deref_mut()
        .expect("only a durable session goes on");
    if let Some(at) = durable.ends_at.take() {
        shard.timers.cancel(at, Timer::SessionEnds(session));
    }
    durable.queue.claim(claim.window);
    if shard.faults.forget_started_mark {
        durable.queue.forget_started();
    }
    entry.claimant = Some(claimant);
    entry.expiry_seconds = claim.expiry_seconds;
    entry.will = claim.will.map(Box::new);
}

/// A new session. Without an expiry interval it keeps nothing here: it ends with its connection.
fn begin(shard: &mut Shard, claimant: Claimant, claim: Claim) -> SessionId {
    let Claim {
        client_id,
        node: _,
        clean_start: _,
        expiry_seconds,
        window,
        will,
    } = claim;
    let queue = || {
        Queue::new(Marks {
            last: 0,
            started: 0,
            started_before: 0,
            window,
        })
    };
    let durable = (expiry_seconds > 0).then(|| Box::new(Durable::new(queue())));
    let will = will.map(Box::new);
    shard.sessions.add(Session {
        client_id,
        claimant: Some(claimant),
        expiry_seconds,
        will,
        durable,
    })
}
