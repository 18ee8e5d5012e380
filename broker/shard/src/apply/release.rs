//! A connection gives its session back, or its node is gone and everything it held is given back for it.

use super::{Turn, end_session};
use crate::command::{Release, ReleaseNode};
use crate::message_store::charge;
use crate::outcome::Outcome;
use crate::record::DelayedWill;
use crate::shard::Shard;
use crate::timer::{Timer, after_seconds};
use crate::types::*;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, release: &Release) -> Outcome {
    if !shard.sessions.is_owned(release.session, release.epoch) {
        return Outcome::Stale;
    }
    let_go(
        shard,
        turn,
        release.session,
        release.fire_will,
        release.expiry_seconds,
    );
    Outcome::Done
}

/// Connections of a life that is over were lost: their wills fire (P6). What that life still has on the way
/// is refused from now on.
pub(super) fn apply_node(shard: &mut Shard, turn: &mut Turn, release: &ReleaseNode) -> Outcome {
    let lost = |claimant: crate::record::Claimant| {
        claimant.owner.node == release.node && claimant.incarnation < release.before
    };
    let sessions: Vec<SessionId> = shard
        .sessions
        .iter()
        .filter(|(_, session)| session.claimant.is_some_and(lost))
        .map(|(id, _)| id)
        .collect();
    for session in sessions {
        let_go(shard, turn, session, true, None);
    }
    shard
        .proposers
        .fence(release.node, release.before, turn.index);
    Outcome::Done
}

/// The session waits for its client, if it is of the kind that does; else it ends.
fn let_go(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    fire_will: bool,
    expiry: Option<u32>,
) {
    give_up(shard, turn, session, fire_will, expiry);
    end_session::set_connected(shard, turn, session, false);
}

fn give_up(
    shard: &mut Shard,
    turn: &mut Turn,
    session: SessionId,
    fire_will: bool,
    expiry: Option<u32>,
) {
    let Some(entry) = shard.sessions.session_mut(session) else {
        return;
    };
    if !fire_will && let Some(will) = entry.will.take() {
        shard.sessions.bytes -= charge(&will.message);
    }
    let Some(entry) = shard.sessions.session_mut(session) else {
        return;
    };
    let Some(claimant) = entry.claimant else {
        return;
    };
    entry.expiry_seconds = expiry.unwrap_or(entry.expiry_seconds);
    let expiry_seconds = entry.expiry_seconds;
    let Some(durable) = entry.durable.as_deref_mut().filter(|_| expiry_seconds > 0) else {
        end_session::apply(shard, turn, session);
        return;
    };
    if expiry_seconds != EXPIRY_NEVER {
        let at = after_seconds(turn.time, expiry_seconds);
        durable.ends_at = Some(at);
        shard.timers.set(at, Timer::SessionEnds(session));
    }
    entry.claimant = None;
    let Some(will) = entry.will.take() else {
        return;
    };
    if will.delay_seconds > 0 {
        let due = after_seconds(turn.time, will.delay_seconds);
        let epoch = claimant.owner.epoch;
        durable.delayed_will = Some(Box::new(DelayedWill {
            epoch,
            due,
            message: will.message,
        }));
        shard.timers.set(due, Timer::WillDue(session));
        return;
    }
    let client_id = entry.client_id.clone();
    shard.sessions.bytes -= charge(&will.message);
    end_session::fire(
        shard,
        turn,
        (session, claimant.owner.epoch),
        client_id,
        will.message,
    );
}
