//! Filters without a wildcard: they match exactly one topic, so a hash map answers. Never walked in map order.

use crate::fixed_map::{FixedMap, fixed_map};

/// Filter text to value.
#[derive(Debug, Clone)]
pub(crate) struct Exact<T> {
    filters: FixedMap<Box<str>, T>,
}

impl<T: Default> Exact<T> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            filters: fixed_map(seed),
        }
    }

    pub(crate) fn get(&self, filter: &str) -> Option<&T> {
        self.filters.get(filter)
    }

    pub(crate) fn get_mut(&mut self, filter: &str) -> Option<&mut T> {
        self.filters.get_mut(filter)
    }

    /// The filter's value, empty if the filter is new.
    pub(crate) fn ensure(&mut self, filter: &str) -> &mut T {
        // Two lookups for a known filter, instead of an allocation for each.
        if !self.filters.contains_key(filter) {
            self.filters.insert(filter.into(), T::default());
        }
        self.filters.get_mut(filter).expect("inserted just above")
    }

    pub(crate) fn remove(&mut self, filter: &str) {
        self.filters.remove(filter);
    }

    pub(crate) fn len(&self) -> usize {
        self.filters.len()
    }

    /// The filters whose value is `wanted`, in the order of their bytes; sorts only those.
    pub(crate) fn filters_where(&self, wanted: impl Fn(&T) -> bool) -> Vec<String> {
        let found = self.filters.iter().filter(|(_, value)| wanted(value));
        let mut found: Vec<String> = found.map(|(filter, _)| filter.to_string()).collect();
        found.sort_unstable();
        found
    }

    /// Calls `visit` for each filter, in the order of their bytes.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&str, &T)) {
        let mut sorted: Vec<(&str, &T)> = self
            .filters
            .iter()
            .map(|(filter, value)| (filter.as_ref(), value))
            .collect();
        sorted.sort_unstable_by_key(|(filter, _)| *filter);
        sorted
            .into_iter()
            .for_each(|(filter, value)| visit(filter, value));
    }
}
