//! Remembers the routes of hot topics, bounded in entries and bytes. It must never answer with a route that a change
//! has made untrue. What was not asked for since the hand came by last goes first (second chance).

use std::sync::Arc;

use crate::fixed_map::{FixedMap, fixed_map};
use crate::freshness::{Freshness, Places};
use crate::limits::{ROUTE_CACHE_BYTES_MAX, ROUTE_CACHE_ENTRIES_MAX};
use crate::route::Route;

/// Where a publisher found its last route; 4 bytes, to be kept with the connection. It is a hint: what it points to
/// is checked against the topic and for changes, so it may be old or belong to another topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteHandle(u32);

impl Default for RouteHandle {
    /// Points nowhere.
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl RouteHandle {
    pub(crate) fn slot(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Entry {
    route: Arc<Route>,
    places: Places,
    /// Sum of the counters when the route was made.
    sum: u64,
    /// Version of the table at which the sum was last found unchanged.
    version: u64,
    bytes: usize,
    /// Asked for since the hand came by.
    used: bool,
}

/// Topic to route.
#[derive(Debug)]
pub(crate) struct RouteCache {
    slots: FixedMap<Arc<str>, u32>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    bytes: usize,
    hand: usize,
    entries_max: usize,
    bytes_max: usize,
}

impl RouteCache {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_limits(seed, ROUTE_CACHE_ENTRIES_MAX, ROUTE_CACHE_BYTES_MAX)
    }

    pub(crate) fn with_limits(seed: u64, entries_max: usize, bytes_max: usize) -> Self {
        let (slots, entries, free) = (fixed_map(seed), Vec::new(), Vec::new());
        Self {
            slots,
            entries,
            free,
            bytes: 0,
            hand: 0,
            entries_max,
            bytes_max,
        }
    }

    /// Whether the handle points to a true route of the topic: a compare of the topic and of a version.
    #[inline]
    pub(crate) fn holds(
        &mut self,
        handle: RouteHandle,
        topic: &str,
        freshness: &Freshness,
    ) -> bool {
        match self.entries.get_mut(handle.slot()) {
            Some(Some(entry)) => *entry.route.topic == *topic && entry.refresh(freshness),
            Some(None) | None => false,
        }
    }

    /// Where the topic's route is, if it is remembered and true.
    pub(crate) fn find(&mut self, topic: &str, freshness: &Freshness) -> Option<RouteHandle> {
        let slot = *self.slots.get(topic)?;
        let entry = self.entries[slot as usize].as_mut()?;
        entry.refresh(freshness).then_some(RouteHandle(slot))
    }

    /// The topic as an earlier, now untrue route had it, to save its allocation.
    pub(crate) fn topic(&self, topic: &str) -> Option<Arc<str>> {
        self.slots
            .get_key_value(topic)
            .map(|(topic, _)| Arc::clone(topic))
    }

    /// The route that [`RouteCache::holds`], [`RouteCache::find`] or [`RouteCache::insert`] has just confirmed.
    #[inline]
    pub(crate) fn route(&self, handle: RouteHandle) -> &Arc<Route> {
        let entry = self.entries[handle.slot()].as_ref();
        &entry
            .expect("the slot was confirmed in the same call")
            .route
    }

    /// Remembers a route, in the place of an earlier one of its topic.
    pub(crate) fn insert(&mut self, route: Route, freshness: &Freshness) -> RouteHandle {
        let places = freshness.places(&route.topic);
        // Map entry, slot and the counts of the shared topic and route.
        let bytes = route.bytes() + size_of::<Option<Entry>>() + 64;
        let entry = Entry {
            places,
            sum: freshness.sum(&places),
            version: freshness.version(),
            bytes,
            // Not yet: topics that come once must not push out those that come again.
            used: false,
            route: Arc::new(route),
        };
        if let Some(slot) = self.slots.get(&*entry.route.topic) {
            self.free_entry(*slot as usize);
        }
        while self.slots.len() >= self.entries_max
            || (self.bytes + bytes > self.bytes_max && !self.slots.is_empty())
        {
            self.evict();
        }
        self.bytes += bytes;
        let topic = Arc::clone(&entry.route.topic);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.entries.push(Some(entry));
                u32::try_from(self.entries.len() - 1).expect("entries are bounded far below 4 G")
            }
        };
        self.slots.insert(topic, slot);
        RouteHandle(slot)
    }

    /// Moves the hand to an entry that was not used since it came by last, and forgets that one.
    fn evict(&mut self) {
        // Two rounds are enough: the first one takes every second chance away.
        for _ in 0..2 * self.entries.len() {
            self.hand = (self.hand + 1) % self.entries.len();
            let Some(entry) = &mut self.entries[self.hand] else {
                continue;
            };
            if !std::mem::take(&mut entry.used) {
                self.free_entry(self.hand);
                return;
            }
        }
    }

    fn free_entry(&mut self, slot: usize) {
        if let Some(entry) = self.entries[slot].take() {
            self.bytes -= entry.bytes;
            self.slots.remove(&entry.route.topic);
            self.free.push(slot as u32);
        }
    }
}

impl Entry {
    /// Whether the route is still true; remembers that it was looked at.
    #[inline]
    fn refresh(&mut self, freshness: &Freshness) -> bool {
        self.used = true;
        if self.version == freshness.version() {
            return true;
        }
        let fresh = self.sum == freshness.sum(&self.places);
        if fresh {
            self.version = freshness.version();
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::RouteBuilder;

    fn remember(cache: &mut RouteCache, freshness: &Freshness, topic: &str) -> RouteHandle {
        cache.insert(RouteBuilder::default().build(topic.into()), freshness)
    }

    #[test]
    fn entries_and_bytes_stay_bounded_and_hot_topics_stay() {
        let freshness = Freshness::new(1);
        let mut cache = RouteCache::with_limits(1, 8, usize::MAX);
        let hot = remember(&mut cache, &freshness, "hot");
        for number in 0..100 {
            remember(&mut cache, &freshness, &format!("cold/{number}"));
            assert!(cache.holds(hot, "hot", &freshness));
            assert!(cache.slots.len() <= 8 && cache.entries.len() <= 8);
        }
        let one = cache.entries[hot.slot()]
            .as_ref()
            .map_or(0, |entry| entry.bytes);
        let mut cache = RouteCache::with_limits(1, usize::MAX, 5 * one);
        for number in 0..100 {
            remember(&mut cache, &freshness, &format!("cold/{number}"));
            assert!(cache.bytes <= 5 * one && cache.slots.len() >= 3.min(number + 1));
        }
        // One that is larger than the bound is kept alone.
        let large = remember(&mut cache, &freshness, &"x".repeat(6 * one));
        assert_eq!(cache.slots.len(), 1);
        assert!(cache.holds(large, &"x".repeat(6 * one), &freshness));
    }

    #[test]
    fn other_subscriptions_leave_a_route_fresh_and_its_own_do_not() {
        // With this seed none of the other filters shares a counter.
        let mut freshness = Freshness::new(2);
        let mut cache = RouteCache::new(1);
        let handle = remember(&mut cache, &freshness, "a/b");
        for number in 0..30 {
            freshness.bump(&format!("c/{number}/+"));
        }
        assert!(cache.holds(handle, "a/b", &freshness));
        assert!(!cache.holds(handle, "a/c", &freshness));
        assert!(!cache.holds(RouteHandle::default(), "a/b", &freshness));
        freshness.bump("a/+");
        assert!(!cache.holds(handle, "a/b", &freshness));
        assert_eq!(cache.find("a/b", &freshness), None);
        let again = remember(&mut cache, &freshness, "a/b");
        assert_eq!(cache.find("a/b", &freshness), Some(again));
        assert_eq!(cache.slots.len(), 1);
    }
}
