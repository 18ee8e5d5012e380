//! Where the live records of every group lie. Decides nothing about segments: it says what became obsolete, and the
//! log accounts for it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::entry::{GroupState, Header, LogPoint};
use crate::ring::Ring;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) generation: u32,
    pub(crate) offset: u32,
    /// Padding included.
    pub(crate) bytes: u32,
}

/// An entry without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) place: Place,
    pub(crate) header: Header,
}

/// One group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Index of the first slot.
    first: u64,
    slots: VecDeque<Slot>,
    purged: Option<(LogPoint, Place)>,
    values: BTreeMap<u8, (Bytes, Place)>,
    pub(crate) ring: Ring,
}

impl Group {
    /// What recovery found, already checked to be consecutive.
    pub(crate) fn recovered(
        entries: BTreeMap<u64, Slot>,
        purged: Option<(LogPoint, Place)>,
        values: BTreeMap<u8, (Bytes, Place)>,
    ) -> Self {
        let first = entries.keys().next().copied().unwrap_or(0);
        Self {
            first,
            slots: entries.into_values().collect(),
            purged,
            values,
            ring: Ring::default(),
        }
    }

    /// The index an entry must have to follow; `None` when any will do.
    pub(crate) fn next(&self) -> Option<u64> {
        match self.end() {
            Some(end) => Some(end),
            None => self.purged.map(|(point, _)| point.index.saturating_add(1)),
        }
    }

    /// One past the last entry.
    fn end(&self) -> Option<u64> {
        (!self.slots.is_empty()).then(|| self.first + self.slots.len() as u64)
    }

    pub(crate) fn first(&self) -> Option<u64> {
        (!self.slots.is_empty()).then_some(self.first)
    }

    pub(crate) fn last(&self) -> Option<LogPoint> {
        let header = self.slots.back()?.header;
        Some(LogPoint {
            index: self.end()? - 1,
            header,
        })
    }

    pub(crate) fn purged(&self) -> Option<LogPoint> {
        self.purged.map(|(point, _)| point)
    }

    pub(crate) fn value(&self, key: u8) -> Option<&Bytes> {
        self.values.get(&key).map(|(value, _)| value)
    }

    pub(crate) fn slot(&self, index: u64) -> Option<&Slot> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.slots.get(at)
    }

    pub(crate) fn push(&mut self, index: u64, slot: Slot) {
        if self.slots.is_empty() {
            self.first = index;
        }
        self.slots.push_back(slot);
    }

    /// The entry was copied; returns where it lay.
    pub(crate) fn moved(&mut self, index: u64, place: Place) -> Option<Place> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let slot = self.slots.get_mut(at)?;
        Some(std::mem::replace(&mut slot.place, place))
    }

    /// Removes entries from `index` on; returns where they lay.
    pub(crate) fn truncate(&mut self, index: u64) -> Vec<Place> {
        self.ring.truncate(index);
        let keep = usize::try_from(index.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let keep = keep.min(self.slots.len());
        self.slots.drain(keep..).map(|slot| slot.place).collect()
    }

    /// Removes entries up to `point`; returns where they and the purge before this one lay. The caller has checked that
    /// it goes forward.
    pub(crate) fn purge(&mut self, point: LogPoint, place: Place) -> Vec<Place> {
        self.ring.purge(point.index);
        let end = point.index.saturating_add(1);
        let gone = usize::try_from(end.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let gone = gone.min(self.slots.len());
        self.first += gone as u64;
        let mut places: Vec<Place> = self.slots.drain(..gone).map(|slot| slot.place).collect();
        places.extend(self.purged.replace((point, place)).map(|(_, old)| old));
        places
    }

    /// Sets a small value; returns where the one before lay.
    pub(crate) fn save(&mut self, key: u8, value: Bytes, place: Place) -> Option<Place> {
        self.values.insert(key, (value, place)).map(|(_, old)| old)
    }

    /// The live records in a segment, in the order of their indexes: the purge, the values, then entries.
    pub(crate) fn live_in(&self, generation: u32) -> Vec<LiveRecord> {
        let inside = |place: &Place| place.generation == generation;
        let purge = self.purged.iter().filter(|(_, at)| inside(at));
        let values = self.values.iter().filter(|(_, (_, at))| inside(at));
        let entries = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| inside(&slot.place));
        purge
            .map(|(point, _)| LiveRecord::Purge(*point))
            .chain(values.map(|(key, (value, _))| LiveRecord::Value(*key, value.clone())))
            .chain(entries.map(|(at, _)| LiveRecord::Entry(self.first + at as u64)))
            .collect()
    }

    /// Where every live record lies.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let purge = self.purged.iter().map(|(_, place)| *place);
        let values = self.values.values().map(|(_, place)| *place);
        purge
            .chain(values)
            .chain(self.slots.iter().map(|slot| slot.place))
    }

    pub(crate) fn state(&self) -> GroupState {
        let values = self
            .values
            .iter()
            .map(|(key, (value, _))| (*key, value.clone()));
        GroupState {
            first: self.first(),
            last: self.last(),
            purged: self.purged(),
            values: values.collect(),
        }
    }
}

/// A record that is to be rewritten.
#[derive(Debug)]
pub(crate) enum LiveRecord {
    Purge(LogPoint),
    Value(u8, Bytes),
    Entry(u64),
}
