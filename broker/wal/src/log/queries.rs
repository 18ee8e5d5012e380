//! What can be asked of the log. Changes nothing.

use std::ops::Range;

use super::{Bytes, Entry, Group, Log, LogPoint};
use crate::error::{ReadError, WalError};

impl Log {
    /// Entries of `range` that are there, from its start, until their payloads exceed `bytes_max`; at least one.
    pub fn read(
        &self,
        group: u32,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        self.plan_read(group, range, bytes_max).run()
    }

    /// The first index that is there.
    pub fn first(&self, group: u32) -> Option<u64> {
        self.groups.get(&group)?.first()
    }

    /// The last entry that is there, durable or not.
    pub fn last(&self, group: u32) -> Option<LogPoint> {
        self.groups.get(&group)?.last()
    }

    /// Up to where the group was purged.
    pub fn purged(&self, group: u32) -> Option<LogPoint> {
        self.groups.get(&group).and_then(Group::purged)
    }

    /// An entry's header, without reading it.
    pub fn point(&self, group: u32, index: u64) -> Option<LogPoint> {
        let header = self.groups.get(&group)?.slot(index)?.header;
        Some(LogPoint { index, header })
    }

    /// A small value, durable or not.
    pub fn value(&self, group: u32, key: u8) -> Option<Bytes> {
        self.groups.get(&group)?.value(key).cloned()
    }

    /// Bytes of records that still fit without allocating.
    pub fn room(&self) -> u64 {
        self.tail
            .room(&self.segments)
            .saturating_sub(self.reserve())
    }

    /// Whether new work should be taken: false some time before an append fails with `NoSpace`, and true while a
    /// segment is being allocated.
    pub fn has_room(&self) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        !self.short_of_space || self.room() >= self.options.segment_bytes / 2
    }

    /// Live bytes of a group in the log.
    pub fn log_bytes(&self, group: u32) -> u64 {
        self.segments.live_bytes(group)
    }

    /// The groups that keep the oldest segment from being freed, with their live bytes in it, largest first. A group
    /// that stays here should take a snapshot and purge.
    pub fn pinned_by(&self) -> Vec<(u32, u64)> {
        self.segments.pinned_by()
    }

    /// Segments that hold something live, and the one being written.
    pub fn segments_used(&self) -> usize {
        self.segments.used_len()
    }

    /// The sequence number up to which everything is durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The error that stopped the log for good, if one did.
    pub fn stopped(&self) -> Option<WalError> {
        self.stopped.clone()
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.tail.pending_bytes()
    }

    pub(crate) fn is_allocation_blocked(&self) -> bool {
        self.allocation_blocked
    }

    /// Whether a record of this entry lies there still.
    pub(crate) fn lies_at(&self, group: u32, index: u64, file: &str, offset: u64) -> bool {
        let place = self
            .groups
            .get(&group)
            .and_then(|group| group.slot(index))
            .map(|slot| slot.place);
        let Some(place) = place else { return false };
        let at = self
            .segments
            .of(place.generation)
            .map(|segment| &segment.at);
        at.is_some_and(|at| *at.name == *file && u64::from(place.offset) == offset)
    }
}
