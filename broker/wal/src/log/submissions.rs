//! Carrying out submissions: check everything, then write records and keep the index in step. A refused submission has
//! changed nothing.

use bytes::Bytes;

use super::{Group, Log, LogPoint, Room};
use crate::entry::Entry;
use crate::error::WalError;
use crate::index::Slot;
use crate::limits;
use crate::record::{Content, HEAD_BYTES, Kind};
use crate::segment::RECORDS_AT;
use crate::submission::{Claim, Submission, append_content, purge_content};

impl Log {
    /// Carries out a submission in the room there is; returns the sequence number of its last record.
    pub(crate) fn submit_now(
        &mut self,
        group: u32,
        submission: Submission,
    ) -> Result<u64, WalError> {
        self.check(group, &submission)?;
        if !self.fits(submission.sizes(), submission.claim()) {
            return Err(WalError::NoSpace);
        }
        Ok(match submission {
            Submission::Append(entries) => self.write_entries(group, entries),
            Submission::Truncate(first_gone) => self.write_truncate(group, first_gone),
            Submission::Purge(point) if self.is_purged(group, point) => self.tail.last_sequence(),
            Submission::Purge(point) => self.write_purge(group, point),
            Submission::Save(key, value) => self.write_value(group, key, value),
        })
    }

    /// Whether a submission fits now, or will be refused anyhow. `Wait` keeps allocation going until it does.
    pub(crate) fn room_for(&mut self, group: u32, submission: &Submission) -> Room {
        let refused = self.check(group, submission).is_err();
        if refused || self.fits(submission.sizes(), submission.claim()) {
            return Room::Fits;
        }
        if self.allocation_blocked {
            return Room::None;
        }
        self.spare_bytes_wanted = self.segments.spare_bytes() + 1;
        Room::Wait
    }

    pub(super) fn fits(&self, sizes: impl Iterator<Item = usize>, claim: Claim) -> bool {
        let floor = match claim {
            Claim::Entries => self.reserve(),
            Claim::Value => self.reserve() / 2,
            Claim::Freeing => 0,
        };
        self.tail.fits(&self.segments, sizes, floor)
    }

    /// Room that entries leave to what frees space.
    pub(super) fn reserve(&self) -> u64 {
        (self.options.segment_bytes / 8).min(limits::RESERVE_BYTES_MAX)
    }

    /// The largest payload of an entry: it must fit in an empty segment and leave the reserve.
    pub fn payload_bytes_max(&self) -> usize {
        let room = self.options.segment_bytes - RECORDS_AT - self.reserve();
        room as usize - 2 * HEAD_BYTES
    }

    fn check(&self, group: u32, submission: &Submission) -> Result<(), WalError> {
        self.refuse_if_stopped()?;
        let max = limits::GROUPS_MAX;
        if self.groups.len() >= max && !self.groups.contains_key(&group) {
            return Err(WalError::TooManyGroups { max });
        }
        match submission {
            Submission::Append(entries) => self.check_entries(group, entries),
            Submission::Save(_, value) => check_size(value.len(), limits::VALUE_BYTES_MAX),
            Submission::Truncate(_) | Submission::Purge(_) => Ok(()),
        }
    }

    fn check_entries(&self, group: u32, entries: &[Entry]) -> Result<(), WalError> {
        let mut next = self.groups.get(&group).and_then(Group::next);
        for entry in entries {
            let found = entry.index;
            if let Some(expected) = next.filter(|expected| *expected != found) {
                return Err(WalError::NotConsecutive {
                    group,
                    expected,
                    found,
                });
            }
            check_size(entry.payload.len(), self.payload_bytes_max())?;
            next = found.checked_add(1);
        }
        Ok(())
    }

    fn is_purged(&self, group: u32, point: LogPoint) -> bool {
        self.purged(group)
            .is_some_and(|before| before.index >= point.index)
    }

    fn write_entries(&mut self, group: u32, entries: Vec<Entry>) -> u64 {
        let mut sequence = self.tail.last_sequence();
        for entry in entries {
            let (written, place) = self
                .tail
                .write(&mut self.segments, append_content(group, &entry));
            sequence = written;
            self.segments.needs(group, place);
            let state = self.groups.entry(group).or_default();
            state.push(
                entry.index,
                Slot {
                    place,
                    header: entry.header,
                },
            );
            state.ring.push(sequence, entry);
        }
        self.grown.insert(group);
        sequence
    }

    fn write_truncate(&mut self, group: u32, first_gone: u64) -> u64 {
        let content = Content::bare(Kind::Truncate, group, first_gone);
        let (sequence, _) = self.tail.write(&mut self.segments, content);
        let gone = self.groups.entry(group).or_default().truncate(first_gone);
        self.segments.needs_no_more(group, gone);
        sequence
    }

    pub(super) fn write_purge(&mut self, group: u32, point: LogPoint) -> u64 {
        let (sequence, place) = self
            .tail
            .write(&mut self.segments, purge_content(group, &point));
        self.segments.needs(group, place);
        let gone = self.groups.entry(group).or_default().purge(point, place);
        self.segments.needs_no_more(group, gone);
        sequence
    }

    pub(super) fn write_value(&mut self, group: u32, key: u8, value: Bytes) -> u64 {
        let (sequence, place) = self
            .tail
            .write(&mut self.segments, Content::save(group, key, &value));
        self.segments.needs(group, place);
        let gone = self
            .groups
            .entry(group)
            .or_default()
            .save(key, value, place);
        self.segments.needs_no_more(group, gone);
        sequence
    }
}

fn check_size(bytes: usize, max: usize) -> Result<(), WalError> {
    if bytes > max {
        return Err(WalError::TooLarge { bytes, max });
    }
    Ok(())
}
