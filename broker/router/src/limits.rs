//! The bounds of this crate, each with its reason. Bounds on what a client may send (levels, length, filters per
//! client) are the codec's and the session's; here are only those of our own structures.

/// Members of one filter that are kept in a sorted vector; above it a tree takes over, so that the hundred
/// thousandth subscriber of a filter does not move all the others. 64 entries of 24 bytes are moved in some ns.
pub const FILTER_MEMBERS_FLAT_MAX: usize = 64;

/// Literal children of one trie node that are kept in a sorted array (128 bytes, two cache lines); above it a hash map.
pub const NODE_CHILDREN_FLAT_MAX: usize = 16;

/// Topics with a remembered route per table. More distinct topics than this are not hot: matching them anew costs
/// about as much as looking them up in a cache that no longer fits the processor's.
pub const ROUTE_CACHE_ENTRIES_MAX: usize = 16 * 1024;

/// Bytes of remembered routes per table: room for full entries with a few receivers, or some fan-outs to 100 000.
pub const ROUTE_CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Counters that tell whether a remembered route is still true (32 KiB per table, so they stay near the processor).
/// Two prefixes that share a counter cost one needless recomputation when one of them changes.
pub const FRESHNESS_COUNTERS_MAX: usize = 4096;

/// Leading literal levels of a wildcard filter that tell which routes its change touches. Three reach the device
/// in `tenant/site/device/+`; each more costs a load at the first lookup after any change.
pub const FRESHNESS_PREFIX_LEVELS_MAX: usize = 3;
