//! Durable subscriptions are removed. What is queued already is still delivered (MQTT 5, 3.10.4).

use std::sync::Arc;

use super::{Turn, end_session};
use crate::command::Unsubscribe;
use crate::outcome::Outcome;
use crate::session_table::subscription_charge;
use crate::shard::Shard;
use crate::types::SessionId;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, unsubscribe: &Unsubscribe) -> Outcome {
    let Unsubscribe {
        session,
        epoch,
        filters,
    } = unsubscribe;
    if shard.sessions.owned(*session, *epoch).is_none() {
        return Outcome::Stale;
    }
    let removed = filters
        .iter()
        .map(|filter| remove(shard, turn, *session, filter));
    Outcome::Unsubscribed(removed.collect())
}

/// Whether the session had the filter.
fn remove(shard: &mut Shard, turn: &mut Turn, session: SessionId, filter: &Arc<str>) -> bool {
    let Some(durable) = shard.sessions.durable_mut(session) else {
        return false;
    };
    let Some(held) = durable.subscriptions.remove(filter) else {
        return false;
    };
    shard.sessions.subscriptions -= 1;
    shard.sessions.bytes -= subscription_charge(filter);
    end_session::unindex(shard, turn, session, filter.clone(), held);
    true
}
