//! Publishes that must be recognised when they come again (P4, P6), and origins that are over but that
//! not every shard was told about yet.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::Origin;

/// Marks by origin and by age.
#[derive(Debug, Default)]
pub(crate) struct Origins {
    ages: BTreeMap<Origin, u64>,
    by_age: BTreeMap<u64, Origin>,
    age_last: u64,
    forgettable: BTreeSet<Origin>,
}

impl Origins {
    /// Whether a publish of this origin was taken and not forgotten.
    pub(crate) fn contains(&self, origin: &Origin) -> bool {
        self.ages.contains_key(origin)
    }

    /// Remembers a publish; the oldest mark goes when there would be more than `marks_max`.
    pub(crate) fn mark(&mut self, origin: Origin, marks_max: usize) {
        if self.contains(&origin) {
            return;
        }
        self.age_last += 1;
        self.ages.insert(origin, self.age_last);
        self.by_age.insert(self.age_last, origin);
        while self.ages.len() > marks_max {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.ages.remove(&oldest);
        }
        assert_eq!(self.ages.len(), self.by_age.len(), "every mark has one age");
    }

    /// Drops the mark; nothing is told about the origin any more.
    pub(crate) fn forget(&mut self, origin: &Origin) {
        if let Some(age) = self.ages.remove(origin) {
            self.by_age.remove(&age);
        }
        self.forgettable.remove(origin);
    }

    /// All shards have to be told to forget this origin. Beyond `marks_max` it is not noted: marks left
    /// behind by that age out in [`Origins::mark`].
    pub(crate) fn note_forgettable(&mut self, origin: Origin, marks_max: usize) {
        if self.forgettable.len() < marks_max {
            self.forgettable.insert(origin);
        }
    }

    /// Number of marks.
    pub(crate) fn len(&self) -> usize {
        self.ages.len()
    }

    /// Marks, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Origin> + '_ {
        self.by_age.values().copied()
    }

    /// Origins that shards have to be told about.
    pub(crate) fn forgettable(&self) -> impl Iterator<Item = Origin> + '_ {
        self.forgettable.iter().copied()
    }
}
