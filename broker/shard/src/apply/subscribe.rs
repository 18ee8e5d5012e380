//! Durable subscriptions are added, or take the place of those with the same filter (MQTT-3.8.4-3).

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_codec::{QoS, ShareFilter};

use super::{Turn, end_session};
use crate::command::Subscribe;
use crate::effect::Effect;
use crate::outcome::Outcome;
use crate::session_table::{Durable, Held, subscription_charge};
use crate::shard::Shard;
use crate::subscription_index::SubscriptionIndex;
use crate::types::*;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, subscribe: Subscribe) -> Outcome {
    let Subscribe {
        session,
        epoch,
        subscriptions,
    } = subscribe;
    let Some(durable) = shard.sessions.owned(session, epoch) else {
        return Outcome::Stale;
    };
    let (count, bytes) = growth(durable, &subscriptions);
    let count_max = shard.limits.session_subscriptions_max;
    if durable.subscriptions.len() + count > count_max || !shard.has_session_room(bytes) {
        return Outcome::QuotaExceeded;
    }
    shard.sessions.subscriptions += count as u64;
    shard.sessions.bytes += bytes;
    let added = subscriptions
        .into_iter()
        .map(|subscription| add(shard, turn, session, subscription));
    Outcome::Subscribed(added.collect())
}

/// Number of filters that the session does not have yet, and what they are charged.
fn growth(durable: &Durable, subscriptions: &[Subscription]) -> (usize, u64) {
    let new: BTreeSet<&str> = subscriptions
        .iter()
        .map(|subscription| &*subscription.filter)
        .filter(|filter| !durable.subscriptions.contains_key(*filter))
        .collect();
    (
        new.len(),
        new.iter().map(|filter| subscription_charge(filter)).sum(),
    )
}

/// Whether the session had the filter before.
fn add(shard: &mut Shard, turn: &mut Turn, session: SessionId, subscription: Subscription) -> bool {
    let Subscription {
        filter,
        options,
        identifier,
    } = subscription;
    let Some(durable) = shard.sessions.durable_mut(session) else {
        return false;
    };
    let held = Held {
        options,
        identifier,
    };
    let replaced = durable.subscriptions.insert(filter.clone(), held);
    if filter.starts_with(ShareFilter::PREFIX) {
        share(shard, turn, session, &filter, held);
        return replaced.is_some();
    }
    if shard.index.insert(&filter, session, held) {
        turn.effects.push(Effect::InterestAdded(filter.clone()));
    }
    if let Some(old) = replaced
        && !SubscriptionIndex::is_replaced(old, held)
    {
        end_session::unindex(shard, turn, session, filter, old);
    }
    replaced.is_some()
}

/// The session, which is connected, is a member of a share group. At QoS 0 it needs no shard for that.
fn share(shard: &mut Shard, turn: &mut Turn, session: SessionId, group: &Arc<str>, held: Held) {
    if held.options.qos == QoS::AtMostOnce {
        shard.shares.leave(group, session);
    } else {
        shard.shares.join(group, session, held, true);
    }
    end_session::share_changed(shard, turn, group);
}
