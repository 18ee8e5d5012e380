//! What one worker owns: filter to own connections and coarse targets. No lock, no sharing; it must not do anything
//! about what it finds.

use std::sync::Arc;

use quorate_codec::QoS;

use crate::filter_index::FilterIndex;
use crate::freshness::Freshness;
use crate::interest::{
    ConnectionId, Grant, Holder, Interest, Scope, ShareCount, Subscriber, Target,
};
use crate::route::{Route, RouteBuilder};
use crate::route_cache::{RouteCache, RouteHandle};
use crate::share_group::{Chosen, Draw, ShareStrategy};
use crate::share_table::{ShareGroup, ShareTable, is_shared, wanted};

/// Subscriptions of a worker's own connections, the interest of others, and the routes that follow from them.
#[derive(Debug)]
pub struct Table {
    index: FilterIndex<Holder, Grant>,
    shares: ShareTable,
    freshness: Freshness,
    cache: RouteCache,
    builder: RouteBuilder,
}

/// What a subscription changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// The connection held the filter before: the subscription is replaced (retain handling 1 asks).
    pub existed: bool,
    /// The new interest of own connections in the filter if it changed: others must learn it before SUBACK (P2).
    pub interest: Option<Interest>,
}

impl Table {
    /// An empty table. `seed` spreads hashes of what strangers choose; no answer depends on it.
    pub fn new(seed: u64) -> Self {
        Self {
            index: FilterIndex::new(seed),
            shares: ShareTable::new(seed),
            freshness: Freshness::new(seed),
            cache: RouteCache::new(seed),
            builder: RouteBuilder::default(),
        }
    }

    /// How members of share groups are chosen from now on.
    pub fn set_share_strategy(&mut self, strategy: ShareStrategy) {
        self.shares.set_strategy(strategy);
    }

    /// Adds or replaces a connection's subscription; a shared one makes it a member of the group.
    pub fn subscribe(
        &mut self,
        connection: ConnectionId,
        filter: &str,
        subscriber: Subscriber,
    ) -> Subscribed {
        let before = self.interest(filter);
        if is_shared(filter) {
            let existed =
                self.change_group(filter, |shares| shares.join(filter, connection, subscriber));
            return Subscribed {
                existed,
                interest: self.change(filter, before),
            };
        }
        let scope = subscriber.scope();
        let other = match scope {
            Scope::Every | Scope::Share(_) => Scope::QosZero,
            Scope::QosZero => Scope::Every,
        };
        let inserted = self.index.insert(
            filter,
            Holder::connection(connection, scope),
            Grant::subscriber(subscriber),
        );
        let moved = self
            .index
            .remove(filter, Holder::connection(connection, other));
        self.freshness.bump(filter);
        let existed = inserted.replaced.is_some() || moved.is_some();
        Subscribed {
            existed,
            interest: self.change(filter, before),
        }
    }

    /// Ends a connection's subscription; `None` if there was none. `Some` holds the new interest if it changed.
    pub fn unsubscribe(
        &mut self,
        connection: ConnectionId,
        filter: &str,
    ) -> Option<Option<Interest>> {
        let before = self.interest(filter);
        if is_shared(filter) {
            let existed = self.change_group(filter, |shares| shares.leave(filter, connection));
            return existed.then(|| self.change(filter, before));
        }
        let removed = self.index.remove(filter, Holder::Every(connection));
        removed.or_else(|| self.index.remove(filter, Holder::QosZero(connection)))?;
        self.freshness.bump(filter);
        Some(self.change(filter, before))
    }

    /// Ends all subscriptions of a connection, whose filters the session knows; `changed` gets the filters whose
    /// interest changed, with the new one.
    pub fn remove_connection<'a>(
        &mut self,
        connection: ConnectionId,
        filters: impl IntoIterator<Item = &'a str>,
        mut changed: impl FnMut(&'a str, Interest),
    ) {
        for filter in filters {
            if let Some(Some(interest)) = self.unsubscribe(connection, filter) {
                changed(filter, interest);
            }
        }
    }

    /// What own connections want of a filter.
    pub fn interest(&self, filter: &str) -> Interest {
        if is_shared(filter) {
            return self.shares.interest(filter);
        }
        self.index
            .first_key(filter)
            .and_then(|holder| holder.interest())
    }

    /// Calls `visit` for each filter that own connections want, for those who need the full set; the order depends
    /// only on the filters. Shared ones come last.
    pub fn interests(&self, mut visit: impl FnMut(&str, Scope)) {
        self.index.for_each_filter(|filter, holders| {
            if let Some(scope) = holders.first_key().and_then(|holder| holder.interest()) {
                visit(filter, scope);
            }
        });
        self.shares.interests(visit);
    }

    /// A target wants a filter; replaces what it wanted of it before. Scope of a shard has no meaning, except for a
    /// shared filter. What does not fit its filter is not from us, and ignored.
    pub fn add_interest(&mut self, target: Target, filter: &str, scope: Scope) {
        match (is_shared(filter), scope) {
            (true, Scope::Share(count)) => {
                let count = Some(count);
                self.change_group(filter, |shares| shares.set_target(filter, target, count));
                return;
            }
            (false, Scope::QosZero | Scope::Every) => {}
            (true, Scope::QosZero | Scope::Every) | (false, Scope::Share(_)) => return,
        }
        let grant = Grant::target(scope);
        if self
            .index
            .insert(filter, Holder::Target(target), grant)
            .replaced
            != Some(grant)
        {
            self.freshness.bump(filter);
        }
    }

    /// A target wants a filter no more; false if it did not.
    pub fn remove_interest(&mut self, target: Target, filter: &str) -> bool {
        if is_shared(filter) {
            return self.change_group(filter, |shares| shares.set_target(filter, target, None));
        }
        let removed = self.index.remove(filter, Holder::Target(target)).is_some();
        if removed {
            self.freshness.bump(filter);
        }
        removed
    }

    /// A target wants nothing more: a peer was lost, or its full set follows. Looks at every filter.
    pub fn clear_target(&mut self, target: Target) {
        for filter in self.index.filters_of(Holder::Target(target)) {
            self.remove_interest(target, &filter);
        }
        for text in self.shares.texts_of(target) {
            self.remove_interest(target, &text);
        }
    }

    /// The member of a share group that gets a message; `None` if nobody can.
    pub fn choose(&mut self, group: ShareGroup, draw: &Draw<'_>) -> Option<Chosen> {
        self.shares.choose(group, draw)
    }

    /// The member that gets a message which another node has left to this one, by its number: an own connection, or
    /// another worker with a number of its own.
    pub fn choose_here(&self, group: ShareGroup, qos: QoS, number: u32) -> Option<Chosen> {
        self.shares.choose_here(group, qos, number)
    }

    /// The own connection that gets a message which another worker has left to this one, by its number.
    pub fn choose_own(&self, group: ShareGroup, qos: QoS, number: u32) -> Option<Chosen> {
        self.shares.choose_own(group, qos, number)
    }

    /// The group of a shared filter, if anybody is in it.
    pub fn share_group(&self, text: &str) -> Option<ShareGroup> {
        self.shares.find(text)
    }

    /// Members of a group that a target has.
    pub fn share_count(&self, target: Target, text: &str) -> Option<ShareCount> {
        self.shares.count(target, text)
    }

    /// Shards whose durable members of a group are not all connected, if own connections are members.
    pub fn shards_with_absent(&self, text: &str) -> Vec<u16> {
        self.shares.shards_with_absent(text)
    }

    /// The shared filter of a group.
    pub fn share_text(&self, group: ShareGroup) -> Option<&Arc<str>> {
        self.shares.text(group)
    }

    /// Where messages of `topic` go. `handle` is the publisher's; if its last message had the same topic and nothing
    /// has changed since, the answer costs two compares; if the topic is hot, a hash.
    #[inline]
    pub fn route(&mut self, handle: &mut RouteHandle, topic: &str) -> &Arc<Route> {
        if !self.cache.holds(*handle, topic, &self.freshness) {
            *handle = self.look_up(topic);
        }
        self.cache.route(*handle)
    }

    /// Subscriptions of own connections and interests of targets, counted together.
    pub fn len(&self) -> usize {
        self.index.len() + self.shares.len()
    }

    /// Nobody wants anything.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty() && self.shares.is_empty()
    }

    #[inline(never)]
    fn look_up(&mut self, topic: &str) -> RouteHandle {
        if let Some(handle) = self.cache.find(topic, &self.freshness) {
            return handle;
        }
        let builder = &mut self.builder;
        self.index
            .matches(topic, |holder, grant| builder.add(*holder, *grant));
        self.shares.matches(topic, |group| builder.add_group(group));
        let topic = self.cache.topic(topic).unwrap_or_else(|| Arc::from(topic));
        self.cache
            .insert(self.builder.build(topic), &self.freshness)
    }

    /// Changes a share group; routes are touched only if the group comes or goes.
    fn change_group<T>(&mut self, text: &str, change: impl FnOnce(&mut ShareTable) -> T) -> T {
        let before = self.shares.exists(text);
        let result = change(&mut self.shares);
        if self.shares.exists(text) != before
            && let Some(filter) = wanted(text)
        {
            self.freshness.bump(filter);
        }
        result
    }

    fn change(&self, filter: &str, before: Interest) -> Option<Interest> {
        let after = self.interest(filter);
        (after != before).then_some(after)
    }
}
