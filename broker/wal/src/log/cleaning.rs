//! Freeing old segments: retires those with nothing live, rewrites small remains forward. Oldest first always, since a
//! removal in a later segment must outlive what it removes.

use super::{Entry, Log, Stats};
use crate::index::LiveRecord;
use crate::limits;
use crate::record::{Content, Kind};
use crate::submission::{Claim, purge_content};

impl Log {
    /// Called after each commit.
    pub(super) fn free_segments(&mut self) {
        let released = self
            .segments
            .release(self.durable, self.options.spare_segments_max);
        Stats::add(&self.stats.segments_freed, released as u64);
        if released > 0 {
            (self.allocation_blocked, self.short_of_space) = (false, false);
        }
        while self.segments.used_len() > 1 {
            let empty = self
                .segments
                .oldest()
                .is_some_and(|oldest| oldest.live_bytes() == 0);
            if !(empty || self.rewrite_oldest()) || !self.retire_oldest() {
                break;
            }
        }
    }

    /// Says in the log that the oldest segment is free; it is once that is durable, and with it what made it so.
    fn retire_oldest(&mut self) -> bool {
        let size = Content::bare(Kind::Retire, 0, 0).record_bytes();
        if !self.fits([size].into_iter(), Claim::Freeing) {
            return false;
        }
        let at = self.segments.retire_oldest();
        let oldest = self
            .segments
            .oldest()
            .map_or(0, |segment| segment.generation);
        let content = Content::bare(Kind::Retire, 0, u64::from(oldest));
        let (sequence, _) = self.tail.write(&mut self.segments, content);
        self.segments.retiring(sequence, at);
        true
    }

    /// Copies what is live in the oldest segment forward, a bounded step at a time. True when nothing is left.
    fn rewrite_oldest(&mut self) -> bool {
        let Some(oldest) = self.segments.oldest() else {
            return false;
        };
        let (live, generation) = (oldest.live_bytes(), oldest.generation);
        let small = live <= self.options.rewrite_bytes_max
            && live * limits::REWRITE_SHARE <= oldest.at.size;
        if !small || self.unreadable == Some(generation) {
            return false;
        }
        let groups: Vec<u32> = oldest.live_groups().keys().copied().collect();
        let mut step = limits::REWRITE_STEP_BYTES_MAX;
        for group in groups {
            let records = self
                .groups
                .get(&group)
                .map(|state| state.live_in(generation));
            for record in records.unwrap_or_default() {
                let Some(bytes) = self.rewrite(group, record) else {
                    return false;
                };
                Stats::add(&self.stats.rewritten_bytes, bytes as u64);
                step = step.saturating_sub(bytes);
                if step == 0 {
                    break;
                }
            }
        }
        self.segments
            .oldest()
            .is_some_and(|oldest| oldest.live_bytes() == 0)
    }

    /// Copies one record forward; returns its size, or `None` when it does not fit or cannot be read.
    fn rewrite(&mut self, group: u32, record: LiveRecord) -> Option<usize> {
        match record {
            LiveRecord::Purge(point) => {
                let bytes = purge_content(group, &point).record_bytes();
                self.fits_rewritten(bytes)?;
                self.write_purge(group, point);
                Some(bytes)
            }
            LiveRecord::Value(key, value) => {
                let bytes = Content::save(group, key, &value).record_bytes();
                self.fits_rewritten(bytes)?;
                self.write_value(group, key, value);
                Some(bytes)
            }
            LiveRecord::Entry(index) => self.rewrite_entry(group, index),
        }
    }

    fn rewrite_entry(&mut self, group: u32, index: u64) -> Option<usize> {
        let generation = self.groups.get(&group)?.slot(index)?.place.generation;
        let Ok([entry]): Result<[Entry; 1], _> = self
            .plan_read(group, index..index + 1, 0)
            .run()
            .unwrap_or_default()
            .try_into()
        else {
            self.unreadable = Some(generation);
            return None;
        };
        let content = Content::with_header(Kind::Moved, group, index, entry.header, &entry.payload);
        let bytes = content.record_bytes();
        self.fits_rewritten(bytes)?;
        let (sequence, place) = self.tail.write(&mut self.segments, content);
        self.segments.needs(group, place);
        let before = self.groups.get_mut(&group)?.moved(index, place);
        self.segments.needs_no_more(group, before);
        self.moving.insert(place, (sequence, entry));
        Some(bytes)
    }

    fn fits_rewritten(&self, bytes: usize) -> Option<()> {
        self.fits([bytes].into_iter(), Claim::Entries).then_some(())
    }
}
