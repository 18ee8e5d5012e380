//! Tells whether a remembered route is still true, without knowing the routes.
//!
//! A change of a filter bumps one counter: that of the whole text for an exact filter, that of its leading literal
//! levels for a wildcard filter, or the one of all topics if it starts with a wildcard. A route is true as long as
//! the sum of the counters it depends on is what it was: counters only grow, so an equal sum means that none changed.
//! So somebody else's subscription does not cost the hot topics of others anything, and nobody walks the routes.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::filter_index::is_wildcard;
use crate::limits::{FRESHNESS_COUNTERS_MAX, FRESHNESS_PREFIX_LEVELS_MAX};

/// Counters by hash of a prefix. A shared counter makes a true route look stale, never the other way round.
#[derive(Debug)]
pub(crate) struct Freshness {
    hasher: FixedState,
    counters: Box<[u64]>,
    /// Changes of filters that start with a wildcard.
    all: u64,
    /// Changes of any filter.
    version: u64,
}

/// Which counters a topic depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places([u16; FRESHNESS_PREFIX_LEVELS_MAX + 1]);

impl Freshness {
    pub(crate) fn new(seed: u64) -> Self {
        let counters = vec![0; FRESHNESS_COUNTERS_MAX].into_boxed_slice();
        Self {
            hasher: FixedState::with_seed(seed),
            counters,
            all: 0,
            version: 0,
        }
    }

    /// Grows with every change: what was true at this version needs no look at the counters.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The filter has changed.
    pub(crate) fn bump(&mut self, filter: &str) {
        self.version += 1;
        let prefix = if is_wildcard(filter) {
            literal_prefix(filter)
        } else {
            Some(filter)
        };
        match prefix {
            Some(prefix) => self.counters[usize::from(self.place(prefix))] += 1,
            None => self.all += 1,
        }
    }

    /// The counters that a topic depends on.
    pub(crate) fn places(&self, topic: &str) -> Places {
        let whole = self.place(topic);
        let mut places = [whole; FRESHNESS_PREFIX_LEVELS_MAX + 1];
        // `a/#` matches `a`, so a prefix may be the whole topic; that counter is there already.
        let ends = topic
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'/')
            .map(|(end, _)| end);
        for (place, end) in places
            .iter_mut()
            .zip(ends.take(FRESHNESS_PREFIX_LEVELS_MAX))
        {
            *place = self.place(&topic[..end]);
        }
        Places(places)
    }

    /// The sum that changes when any filter that may match the topic changes.
    #[inline]
    pub(crate) fn sum(&self, places: &Places) -> u64 {
        places.0.iter().fold(self.all, |sum, place| {
            sum + self.counters[usize::from(*place)]
        })
    }

    fn place(&self, prefix: &str) -> u16 {
        const { assert!(FRESHNESS_COUNTERS_MAX.is_power_of_two() && FRESHNESS_COUNTERS_MAX <= 1 << 16) };
        (self.hasher.hash_one(prefix) as usize % FRESHNESS_COUNTERS_MAX) as u16
    }
}

/// The first levels of a wildcard filter up to the wildcard, at most as many as are counted.
fn literal_prefix(filter: &str) -> Option<&str> {
    let wildcard = filter.find(['+', '#'])?;
    // The separator before the wildcard is not part of the prefix; without one the first level is the wildcard.
    let literal = &filter[..wildcard.checked_sub(1)?];
    let end = literal
        .match_indices('/')
        .nth(FRESHNESS_PREFIX_LEVELS_MAX - 1)
        .map_or(literal.len(), |(end, _)| end);
    Some(&literal[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_of_a_filter_ends_before_its_first_wildcard() {
        let cases = [
            ("#", None),
            ("+/a", None),
            ("a/#", Some("a")),
            ("a/+/b", Some("a")),
            ("/#", Some("")),
            ("//+", Some("/")),
            ("a/b/c/+", Some("a/b/c")),
            ("a/b/c/d/+", Some("a/b/c")),
            ("a/b/c/d/e/f/#", Some("a/b/c")),
        ];
        for (filter, prefix) in cases {
            assert_eq!(literal_prefix(filter), prefix, "{filter}");
        }
    }

    #[test]
    fn prefixes_spread_over_the_counters() {
        let freshness = Freshness::new(1);
        let places: std::collections::BTreeSet<u16> = (0..FRESHNESS_COUNTERS_MAX)
            .map(|number| freshness.place(&format!("c/{number}")))
            .collect();
        // Thrown at random, 63 % of the counters are hit.
        assert!(
            places.len() > FRESHNESS_COUNTERS_MAX / 2,
            "{}",
            places.len()
        );
    }

    #[test]
    fn a_change_touches_the_topics_that_it_may_match_and_few_others() {
        let mut freshness = Freshness::new(1);
        let topic = "a/b/c/d/e";
        let places = freshness.places(topic);
        let mut sum = freshness.sum(&places);
        for filter in [
            "#",
            "+/b/#",
            "a/#",
            "a/+/c/d/e",
            "a/b/+/#",
            "a/b/c/#",
            "a/b/c/d/+",
            "a/b/c/d/e",
            "a/b/c/d/e/#",
        ] {
            freshness.bump(filter);
            assert_ne!(freshness.sum(&places), sum, "{filter}");
            sum = freshness.sum(&places);
        }
        for filter in ["a/x", "b/#", "a/c/+", "a/b/d/#", "a/b/c/d/f"] {
            freshness.bump(filter);
            assert_eq!(freshness.sum(&places), sum, "{filter}");
        }
        assert_eq!(freshness.version(), 14);
    }
}
