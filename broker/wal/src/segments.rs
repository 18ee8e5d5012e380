//! The set of segment files: in use, waiting until their release is durable, free, superfluous. No I/O here.

use std::collections::{BTreeMap, VecDeque};

use crate::index::Place;
use crate::segment::{RECORDS_AT, Segment, SegmentFile};

/// All segments of a log.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// Consecutive generations, oldest first; the last is being written.
    used: VecDeque<Segment>,
    /// Not needed any more, but a crash could still bring them back: free once the given record is durable.
    retiring: Vec<(u64, SegmentFile)>,
    /// Free and of full size.
    pub(crate) spares: VecDeque<SegmentFile>,
    /// To be removed from the disk.
    pub(crate) surplus: Vec<SegmentFile>,
    /// For the name of the next file.
    pub(crate) next_number: u32,
}

impl Segments {
    pub(crate) fn active(&self) -> Option<&Segment> {
        self.used.back()
    }

    pub(crate) fn oldest(&self) -> Option<&Segment> {
        self.used.front()
    }

    pub(crate) fn used_len(&self) -> usize {
        self.used.len()
    }

    /// Puts a file in use after all others; its generation follows theirs.
    pub(crate) fn push(&mut self, at: SegmentFile, generation: u32) {
        let follows = self
            .used
            .back()
            .is_none_or(|last| last.generation + 1 == generation);
        assert!(follows, "generations are consecutive");
        self.used.push_back(Segment::new(at, generation));
    }

    /// The segment of a generation in use.
    pub(crate) fn of(&self, generation: u32) -> Option<&Segment> {
        let oldest = self.used.front()?.generation;
        self.used.get(generation.checked_sub(oldest)? as usize)
    }

    pub(crate) fn needs(&mut self, group: u32, place: Place) {
        self.of_mut(place).needs(group, place.bytes);
    }

    pub(crate) fn needs_no_more(&mut self, group: u32, places: impl IntoIterator<Item = Place>) {
        for place in places {
            self.of_mut(place).needs_no_more(group, place.bytes);
        }
    }

    fn of_mut(&mut self, place: Place) -> &mut Segment {
        let oldest = self.used.front().map_or(0, |segment| segment.generation);
        let at = place
            .generation
            .checked_sub(oldest)
            .expect("a live record keeps its segment");
        self.used
            .get_mut(at as usize)
            .expect("a place is in a segment in use")
    }

    /// Takes the oldest out of use; it is free when the record that says so is durable, see [`Segments::retiring`].
    pub(crate) fn retire_oldest(&mut self) -> SegmentFile {
        assert!(self.used.len() > 1, "the segment being written stays");
        let segment = self.used.pop_front().expect("there is more than one");
        assert_eq!(
            segment.live_bytes(),
            0,
            "only an obsolete segment is retired"
        );
        segment.at
    }

    pub(crate) fn retiring(&mut self, sequence: u64, at: SegmentFile) {
        self.retiring.push((sequence, at));
    }

    /// Frees what a durable record released; what is more than `spares_max` is to be removed.
    pub(crate) fn release(&mut self, durable: u64, spares_max: usize) -> usize {
        let (free, wait): (Vec<_>, Vec<_>) =
            self.retiring.drain(..).partition(|(s, _)| *s <= durable);
        self.retiring = wait;
        let freed = free.len();
        self.spares.extend(free.into_iter().map(|(_, at)| at));
        while self.spares.len() > spares_max {
            self.surplus.extend(self.spares.pop_back());
        }
        freed
    }

    pub(crate) fn spare_bytes(&self) -> u64 {
        self.spares.iter().map(|at| at.size - RECORDS_AT).sum()
    }

    /// Live bytes of a group.
    pub(crate) fn live_bytes(&self, group: u32) -> u64 {
        self.used
            .iter()
            .filter_map(|segment| segment.live_groups().get(&group))
            .sum()
    }

    /// Who keeps the oldest segment, largest first; nobody while it is the one being written.
    pub(crate) fn pinned_by(&self) -> Vec<(u32, u64)> {
        if self.used.len() < 2 {
            return Vec::new();
        }
        let groups = self.used.front().map(Segment::live_groups);
        let mut groups: Vec<(u32, u64)> = groups.map(to_pairs).unwrap_or_default();
        groups.sort_by_key(|(group, bytes)| (std::cmp::Reverse(*bytes), *group));
        groups
    }
}

fn to_pairs(groups: &BTreeMap<u32, u64>) -> Vec<(u32, u64)> {
    groups
        .iter()
        .map(|(group, bytes)| (*group, *bytes))
        .collect()
}
