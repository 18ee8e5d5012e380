//! Filter to those who hold it: the forward index of MQTT 4.7. Used by a worker's table and by a shard for its
//! durable subscriptions. It must not know what keys and values mean.

use crate::exact::Exact;
use crate::members::Members;
use crate::trie::Trie;

/// Filter to a small ordered set of `K` with a `V` each.
///
/// Everything it reports comes in an order that depends only on what is in it: not on hashes, seed or history.
#[derive(Debug, Clone)]
pub struct FilterIndex<K, V> {
    exact: Exact<Members<K, V>>,
    wildcard: Trie<Members<K, V>>,
    len: usize,
}

/// What an insertion changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted<V> {
    /// Nobody held the filter before.
    pub first: bool,
    /// The value that the key had at this filter before.
    pub replaced: Option<V>,
}

/// What a removal took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed<V> {
    /// The value that the key had at this filter.
    pub value: V,
    /// Nobody holds the filter any more.
    pub last: bool,
}

impl<K: Ord + Copy, V> Default for FilterIndex<K, V> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<K: Ord + Copy, V> FilterIndex<K, V> {
    /// An empty index. `seed` spreads the hashes only; choose it at random where strangers choose the filters.
    pub fn new(seed: u64) -> Self {
        Self {
            exact: Exact::new(seed),
            wildcard: Trie::new(seed),
            len: 0,
        }
    }

    /// Puts `value` at (`filter`, `key`). The filter must be valid (4.7.1) and without a `$share` prefix.
    pub fn insert(&mut self, filter: &str, key: K, value: V) -> Inserted<V> {
        let members = if is_wildcard(filter) {
            self.wildcard.ensure(filter)
        } else {
            self.exact.ensure(filter)
        };
        let first = members.len() == 0;
        let replaced = members.insert(key, value);
        self.len += usize::from(replaced.is_none());
        Inserted { first, replaced }
    }

    /// Takes (`filter`, `key`) out; `None` if it was not there.
    pub fn remove(&mut self, filter: &str, key: K) -> Option<Removed<V>> {
        let wildcard = is_wildcard(filter);
        let members = if wildcard {
            self.wildcard.get_mut(filter)
        } else {
            self.exact.get_mut(filter)
        }?;
        let value = members.remove(&key)?;
        let last = members.len() == 0;
        self.len -= 1;
        if last && wildcard {
            self.wildcard.remove(filter);
        } else if last {
            self.exact.remove(filter);
        }
        Some(Removed { value, last })
    }

    /// The value at (`filter`, `key`).
    pub fn get(&self, filter: &str, key: K) -> Option<&V> {
        self.members(filter)?.get(&key)
    }

    /// The lowest key at `filter`.
    pub fn first_key(&self, filter: &str) -> Option<&K> {
        self.members(filter)?.first_key()
    }

    /// Calls `visit` for every holder of every filter that matches `topic`, a valid topic name.
    ///
    /// Order: the exact filter; then wildcard filters as in the trie, at each level `#`, the filter that ends
    /// there, `+`, the literal level; holders of one filter by key. A key that holds several matching filters
    /// comes several times. Topics that start with `$` are hidden from filters that start with a wildcard
    /// [MQTT-4.7.2-1].
    #[inline]
    pub fn matches<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a K, &'a V)) {
        if let Some(members) = self.exact.get(topic) {
            members.for_each(&mut visit);
        }
        self.wildcard
            .matches(topic, |members| members.for_each(&mut visit));
    }

    /// Calls `visit` for everything in it: exact filters by their bytes, then wildcard filters as in the trie
    /// with literal levels by their bytes; holders of one filter by key. Sorts, so it is for snapshots.
    pub fn for_each(&self, mut visit: impl FnMut(&str, &K, &V)) {
        self.for_each_filter(|filter, members| {
            members.for_each(|key, value| visit(filter, key, value))
        });
    }

    /// The filters that `key` holds, in the order of [`FilterIndex::for_each`]. Looks at every filter: it is for
    /// rare events such as a lost peer; who needs it often keeps a list beside the index.
    pub fn filters_of(&self, key: K) -> Vec<String> {
        let mut filters = self
            .exact
            .filters_where(|members| members.get(&key).is_some());
        self.wildcard.for_each(|filter, members| {
            if members.get(&key).is_some() {
                filters.push(filter.to_owned());
            }
        });
        filters
    }

    /// Pairs of filter and key.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nobody holds any filter.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Distinct filters.
    pub fn filter_count(&self) -> usize {
        self.exact.len() + self.wildcard.len()
    }

    pub(crate) fn for_each_filter(&self, mut visit: impl FnMut(&str, &Members<K, V>)) {
        self.exact.for_each(&mut visit);
        self.wildcard.for_each(&mut visit);
    }

    fn members(&self, filter: &str) -> Option<&Members<K, V>> {
        if is_wildcard(filter) {
            self.wildcard.get(filter)
        } else {
            self.exact.get(filter)
        }
    }
}

/// A valid filter has wildcard characters only as whole levels [MQTT-4.7.1-1, -2].
pub(crate) fn is_wildcard(filter: &str) -> bool {
    filter.bytes().any(|byte| byte == b'+' || byte == b'#')
}
