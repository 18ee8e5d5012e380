//! The synchronous core of the log: what was submitted, where it lies, what is durable. No threads, no clock, no
//! randomness; a simulation drives it directly, the writer thread through `begin_*` and `end_*`.
//!
//! Order of records is the order of calls. What is submitted can be read at once and is durable after [`Log::commit`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::allocation::{Allocation, Upkeep, UpkeepResult};
use crate::disk::Disk;
use crate::entry::{Entry, Header, LogPoint, Recovered};
use crate::error::{OpenError, WalError};
use crate::flush::Flush;
use crate::index::{Group, Place};
use crate::options::Options;
use crate::recovery::recover;
use crate::segments::Segments;
use crate::stats::Stats;
use crate::submission::Submission;
use crate::tail::Tail;

mod cleaning;
mod queries;
mod reads;
mod submissions;

/// The log without its writer thread.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    options: Options,
    stats: Arc<Stats>,
    segments: Segments,
    groups: BTreeMap<u32, Group>,
    tail: Tail,
    /// The last sequence number known to be on disk.
    durable: u64,
    /// Entries copied forward whose new place is not on disk yet.
    moving: BTreeMap<Place, (u64, Entry)>,
    /// Groups whose rings may be over their bound.
    grown: BTreeSet<u32>,
    /// The allocation under way, unless a step of it is being run.
    allocation: Option<Allocation>,
    /// The last allocation failed; tried again when asked.
    allocation_blocked: bool,
    /// No allocation has succeeded and no segment was freed since one failed.
    short_of_space: bool,
    /// Bytes of free segments that a waiting submission needs.
    spare_bytes_wanted: u64,
    /// A segment whose records could not be read for rewriting.
    unreadable: Option<u32>,
    stopped: Option<WalError>,
}

/// Whether something fits in the log now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Fits,
    /// A segment is being allocated.
    Wait,
    None,
}

impl Log {
    /// Recovers the log, or begins one in an empty directory. The disk must be used by nothing else.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        options.check()?;
        let found = recover(&*disk)?;
        let groups = found
            .groups
            .iter()
            .map(|(number, group)| (*number, group.state()))
            .collect();
        let recovered = Recovered {
            groups,
            torn: found.torn,
        };
        let salt = found.salt.unwrap_or(options.salt);
        let log = Self {
            disk,
            options,
            stats: Arc::default(),
            segments: found.segments,
            groups: found.groups,
            tail: Tail::new(salt, found.offset, found.next_sequence),
            durable: found.next_sequence - 1,
            moving: BTreeMap::new(),
            grown: BTreeSet::new(),
            allocation: None,
            allocation_blocked: false,
            short_of_space: false,
            spare_bytes_wanted: 0,
            unreadable: None,
            stopped: None,
        };
        Ok((log, recovered))
    }

    /// Appends entries, which must follow the group's last. Returns the sequence number of the last record: durable
    /// once [`Log::commit`] returns at least it. Allocates when it must, as all submissions do.
    pub fn append(&mut self, group: u32, entries: Vec<Entry>) -> Result<u64, WalError> {
        self.submit(group, Submission::Append(entries))
    }

    /// Removes what lies after `last_kept`; everything when it is `None`.
    pub fn truncate_after(&mut self, group: u32, last_kept: Option<u64>) -> Result<u64, WalError> {
        self.submit(group, Submission::truncate_after(last_kept))
    }

    /// Removes entries up to and with `upto`, which may lie beyond the last: the next is then `upto + 1`. Going back is
    /// no change.
    pub fn purge(&mut self, group: u32, upto: u64, header: Header) -> Result<u64, WalError> {
        self.submit(
            group,
            Submission::Purge(LogPoint {
                index: upto,
                header,
            }),
        )
    }

    /// Sets a small value of a group.
    pub fn save(&mut self, group: u32, key: u8, value: Bytes) -> Result<u64, WalError> {
        self.submit(group, Submission::Save(key, value))
    }

    fn submit(&mut self, group: u32, submission: Submission) -> Result<u64, WalError> {
        while self.room_for(group, &submission) == Room::Wait {
            if !self.upkeep_step() {
                break;
            }
        }
        self.submit_now(group, submission)
    }

    /// Writes and syncs everything submitted; returns the sequence number up to which all is durable.
    pub fn commit(&mut self) -> Result<u64, WalError> {
        while let Some(mut flush) = self.begin_flush() {
            flush.run();
            self.end_flush(flush)?;
        }
        self.refuse_if_stopped()?;
        Ok(self.durable)
    }

    /// Allocates and removes segments until nothing is left to do or the disk refuses. What the log calls on its own
    /// while submissions wait, and its owner when it has time or when there may be room again.
    pub fn upkeep(&mut self) {
        self.retry_allocation();
        while self.upkeep_step() {}
    }

    /// False when there is nothing to do.
    fn upkeep_step(&mut self) -> bool {
        let Some(work) = self.begin_upkeep() else {
            return false;
        };
        let result = work.run(&*self.disk);
        self.end_upkeep(result);
        true
    }

    /// Takes everything submitted for one write; `None` when there is nothing.
    pub(crate) fn begin_flush(&mut self) -> Option<Flush> {
        if self.stopped.is_some() {
            return None;
        }
        Some(Flush::new(self.tail.take()?, self.options.fault))
    }

    /// Takes note of how a write ended. Only one may be under way.
    pub(crate) fn end_flush(&mut self, flush: Flush) -> Result<(), WalError> {
        Stats::add(&self.stats.syncs, flush.syncs);
        if let Err(error) = flush.outcome {
            self.stopped = Some(error.clone());
            return Err(error);
        }
        let batch = flush.batch;
        Stats::add(&self.stats.commits, 1);
        Stats::add(&self.stats.records, batch.records);
        Stats::add(&self.stats.bytes, batch.bytes as u64);
        self.stats.batch_records.observe(batch.records);
        self.durable = batch.last_sequence;
        self.moving
            .retain(|_, (sequence, _)| *sequence > batch.last_sequence);
        for group in std::mem::take(&mut self.grown) {
            let Some(state) = self.groups.get_mut(&group) else {
                continue;
            };
            state.ring.shrink(self.options.ring_bytes_max, self.durable);
            if state.ring.bytes() > self.options.ring_bytes_max {
                self.grown.insert(group);
            }
        }
        self.free_segments();
        Ok(())
    }

    /// The next step of work beside commits; `None` when there is nothing to do.
    pub(crate) fn begin_upkeep(&mut self) -> Option<Upkeep> {
        if let Some(at) = self.segments.surplus.pop() {
            return Some(Upkeep::Remove(at));
        }
        if let Some(allocation) = self.allocation.take() {
            return Some(Upkeep::Allocate(allocation));
        }
        let wanted = self.segments.spares.is_empty()
            || self.segments.spare_bytes() < self.spare_bytes_wanted;
        if !wanted || self.allocation_blocked || self.stopped.is_some() {
            return None;
        }
        let number = self.segments.next_number;
        self.segments.next_number += 1;
        Some(Upkeep::Allocate(Allocation::new(
            number,
            self.options.segment_bytes,
        )))
    }

    /// Takes note of what a step led to.
    pub(crate) fn end_upkeep(&mut self, result: UpkeepResult) {
        // Whoever waits asks again, should one segment not have been enough.
        self.spare_bytes_wanted = match result {
            UpkeepResult::Allocated(_) | UpkeepResult::Failed => 0,
            UpkeepResult::Goes(_) | UpkeepResult::Removed => self.spare_bytes_wanted,
        };
        match result {
            UpkeepResult::Goes(allocation) => self.allocation = Some(allocation),
            UpkeepResult::Allocated(at) => {
                Stats::add(&self.stats.segments_allocated, 1);
                self.segments.spares.push_back(at);
                self.short_of_space = false;
            }
            UpkeepResult::Failed => {
                Stats::add(&self.stats.allocations_failed, 1);
                (self.allocation_blocked, self.short_of_space) = (true, true);
            }
            UpkeepResult::Removed => self.allocation_blocked = false,
        }
    }

    fn refuse_if_stopped(&self) -> Result<(), WalError> {
        self.stopped.clone().map_or(Ok(()), Err)
    }

    /// Allows another try after a failed allocation.
    pub(crate) fn retry_allocation(&mut self) {
        self.allocation_blocked = false;
    }

    /// The counters, shared with whoever exports them.
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }
}
