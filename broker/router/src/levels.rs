//! Numbers for the literal levels of wildcard filters: a trie step compares a `u32` instead of a string, and a
//! level that a million filters share is kept once. Numbers are reused; no order of them has a meaning.

use crate::fixed_map::{FixedMap, fixed_map};

/// A level's number, valid while somebody holds it.
pub(crate) type LevelId = u32;

#[derive(Debug, Clone)]
struct Level {
    id: LevelId,
    holders: u32,
}

/// Level text to number, counted by holders.
#[derive(Debug, Clone)]
pub(crate) struct Levels {
    ids: FixedMap<Box<str>, Level>,
    free: Vec<LevelId>,
    /// One above the highest number ever given.
    end: LevelId,
}

impl Levels {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            ids: fixed_map(seed),
            free: Vec::new(),
            end: 0,
        }
    }

    /// The number of a level that some filter has.
    pub(crate) fn find(&self, text: &str) -> Option<LevelId> {
        self.ids.get(text).map(|level| level.id)
    }

    /// One more holder of the level.
    pub(crate) fn hold(&mut self, text: &str) -> LevelId {
        if let Some(level) = self.ids.get_mut(text) {
            level.holders += 1;
            return level.id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.end += 1;
            self.end - 1
        });
        self.ids.insert(text.into(), Level { id, holders: 1 });
        id
    }

    /// One holder less; the last one frees the number.
    pub(crate) fn release(&mut self, text: &str) {
        let Some(level) = self.ids.get_mut(text) else {
            return;
        };
        level.holders -= 1;
        if level.holders == 0 {
            self.free.push(level.id);
            self.ids.remove(text);
        }
    }

    /// Texts by number, for walks over all filters.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let mut texts = vec![""; self.end as usize];
        for (text, level) in &self.ids {
            texts[level.id as usize] = text;
        }
        texts
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }
}
