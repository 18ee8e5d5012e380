//! The hash map of this crate: fixed hasher, seed given by the caller. It must never be iterated in an order that
//! anybody can see: those who need all entries sort them first.

use foldhash::fast::FixedState;

/// Looked up, changed, and only ever iterated to be sorted.
#[expect(
    clippy::disallowed_types,
    reason = "hashing is the point; no result depends on the iteration order"
)]
pub(crate) type FixedMap<K, V> = std::collections::HashMap<K, V, FixedState>;

/// An empty map whose hashes depend on `seed`; strangers choose the keys, so a node should choose its seed.
pub(crate) fn fixed_map<K, V>(seed: u64) -> FixedMap<K, V> {
    FixedMap::with_hasher(FixedState::with_seed(seed))
}
