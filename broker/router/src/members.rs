//! The set of those who hold one filter, ordered by key. Nearly all sets have one member, a few have a hundred
//! thousand, so there are three shapes. An empty one exists only between two steps of its owner.

use std::collections::BTreeMap;
use std::mem;

use crate::limits::FILTER_MEMBERS_FLAT_MAX;

/// Key to value, ordered by key; the shape follows the size and is not visible outside.
#[derive(Debug, Clone)]
pub(crate) enum Members<K, V> {
    One(K, V),
    Flat(Vec<(K, V)>),
    Tree(BTreeMap<K, V>),
}

impl<K, V> Default for Members<K, V> {
    fn default() -> Self {
        Self::Flat(Vec::new())
    }
}

impl<K: Ord + Copy, V> Members<K, V> {
    /// Puts `value` at `key`; returns what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Self::One(present, old) if *present == key => Some(mem::replace(old, value)),
            Self::One(..) => {
                self.flatten_with(key, value);
                None
            }
            Self::Flat(list) => match list.binary_search_by(|(present, _)| present.cmp(&key)) {
                Ok(at) => Some(mem::replace(&mut list[at].1, value)),
                Err(at) => {
                    self.insert_new(at, key, value);
                    None
                }
            },
            Self::Tree(tree) => tree.insert(key, value),
        }
    }

    /// Takes `key` out; returns its value.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Self::One(present, _) if present == key => match mem::take(self) {
                Self::One(_, value) => Some(value),
                Self::Flat(_) | Self::Tree(_) => None,
            },
            Self::One(..) => None,
            Self::Flat(list) => {
                let at = list
                    .binary_search_by(|(present, _)| present.cmp(key))
                    .ok()?;
                let (_, value) = list.remove(at);
                if list.len() == 1
                    && let Some((key, last)) = list.pop()
                {
                    *self = Self::One(key, last);
                }
                Some(value)
            }
            Self::Tree(tree) => {
                let value = tree.remove(key)?;
                // Half the bound, so that one subscriber who comes and goes does not reshape it each time.
                if tree.len() <= FILTER_MEMBERS_FLAT_MAX / 2 {
                    *self = Self::Flat(mem::take(tree).into_iter().collect());
                }
                Some(value)
            }
        }
    }

    /// The value at `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Self::One(present, value) => (present == key).then_some(value),
            Self::Flat(list) => {
                let at = list
                    .binary_search_by(|(present, _)| present.cmp(key))
                    .ok()?;
                Some(&list[at].1)
            }
            Self::Tree(tree) => tree.get(key),
        }
    }

    /// The lowest key.
    pub(crate) fn first_key(&self) -> Option<&K> {
        match self {
            Self::One(key, _) => Some(key),
            Self::Flat(list) => list.first().map(|(key, _)| key),
            Self::Tree(tree) => tree.first_key_value().map(|(key, _)| key),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Flat(list) => list.len(),
            Self::Tree(tree) => tree.len(),
        }
    }

    /// Calls `visit` for each, in key order.
    pub(crate) fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a K, &'a V)) {
        match self {
            Self::One(key, value) => visit(key, value),
            Self::Flat(list) => list.iter().for_each(|(key, value)| visit(key, value)),
            Self::Tree(tree) => tree.iter().for_each(|(key, value)| visit(key, value)),
        }
    }

    fn flatten_with(&mut self, key: K, value: V) {
        if let Self::One(present, old) = mem::take(self) {
            let mut list = Vec::with_capacity(2);
            list.push((present, old));
            list.insert(usize::from(present < key), (key, value));
            *self = Self::Flat(list);
        }
    }

    fn insert_new(&mut self, at: usize, key: K, value: V) {
        let Self::Flat(list) = self else { return };
        if list.is_empty() {
            *self = Self::One(key, value);
        } else if list.len() < FILTER_MEMBERS_FLAT_MAX {
            list.insert(at, (key, value));
        } else {
            let mut tree: BTreeMap<K, V> = mem::take(list).into_iter().collect();
            tree.insert(key, value);
            *self = Self::Tree(tree);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_keeps_key_order_and_the_last_value() {
        let mut members = Members::default();
        let count = 3 * FILTER_MEMBERS_FLAT_MAX as u32;
        for key in (0..count).rev() {
            assert_eq!(members.insert(key, key), None);
            assert_eq!(members.insert(key, key + 1), Some(key));
            assert_eq!(members.first_key(), Some(&key));
        }
        assert_eq!(members.len(), count as usize);
        let mut keys = Vec::new();
        members.for_each(|key, _| keys.push(*key));
        assert!(keys.is_sorted());
        for key in 0..count {
            assert_eq!(members.get(&key), Some(&(key + 1)));
            assert_eq!(members.remove(&key), Some(key + 1));
            assert_eq!(members.remove(&key), None);
            assert_eq!(members.len(), (count - key - 1) as usize);
        }
        assert_eq!(members.first_key(), None);
    }
}
