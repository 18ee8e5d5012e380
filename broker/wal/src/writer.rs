//! The log behind its writer thread: submissions from any thread, one batch per write and sync, callbacks when it is
//! durable. Decides nothing about the log; it schedules.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::disk::Disk;
use crate::entry::{Entry, Header, LogPoint, Recovered};
use crate::error::{OpenError, ReadError, WalError};
use crate::limits::READ_RETRIES_MAX;
use crate::log::{Log, Room};
use crate::options::Options;
use crate::stats::Stats;
use crate::submission::Submission;

/// How often a failed allocation is tried again.
const ALLOCATION_RETRY: Duration = Duration::from_secs(1);

/// Told once how a submission ended. Called on the writer thread, or on the submitter's when refused at once: must
/// neither block nor take long.
pub type Done = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// A handle to the log; clones are the same log. The last one dropped writes what was submitted and ends the thread.
#[derive(Clone, Debug)]
pub struct Wal {
    owner: Arc<Owner>,
}

/// Ends the thread when the last handle goes.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    stats: Arc<Stats>,
    queue_bytes_max: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    /// There is something to do for the writer.
    work: Condvar,
    /// The queue has become shorter, or there is a new segment.
    progress: Condvar,
}

struct State {
    log: Log,
    /// Callbacks with the sequence numbers they wait for, in order.
    waiting: VecDeque<(u64, Done)>,
    closing: bool,
}

impl State {
    fn submit(&mut self, group: u32, submission: Submission) -> Result<u64, WalError> {
        if self.closing {
            return Err(WalError::Closed);
        }
        self.log.submit_now(group, submission)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("State");
        debug
            .field("waiting", &self.waiting.len())
            .field("closing", &self.closing);
        debug.finish_non_exhaustive()
    }
}

impl Wal {
    /// Recovers the log and starts its writer.
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<(Self, Recovered), OpenError> {
        let queue_bytes_max = options.queue_bytes_max;
        let (log, recovered) = Log::open(Arc::clone(&disk), options)?;
        let stats = log.stats();
        let state = State {
            log,
            waiting: VecDeque::new(),
            closing: false,
        };
        let (state, work, progress) = (Mutex::new(state), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared {
            disk,
            state,
            work,
            progress,
        });
        let writer = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Io {
                action: "starting the thread of",
                file: "the log".to_owned(),
                source,
            })?;
        let thread = Mutex::new(Some(thread));
        let owner = Arc::new(Owner {
            shared,
            stats,
            queue_bytes_max,
            thread,
        });
        Ok((Self { owner }, recovered))
    }

    /// Appends entries, which must follow the group's last. They are readable when this returns, durable when `done`
    /// is told so. Waits while more than `queue_bytes_max` are queued or a segment is being allocated.
    pub fn append(&self, group: u32, entries: Vec<Entry>, done: Done) {
        self.submit(group, Submission::Append(entries), done);
    }

    /// Removes what lies after `last_kept`; everything when it is `None`. In order with every other submission, and
    /// durable no later than any that follows.
    pub fn truncate_after(&self, group: u32, last_kept: Option<u64>) -> Result<(), WalError> {
        self.submit_silently(group, Submission::truncate_after(last_kept))
    }

    /// Removes entries up to and with `upto`, which may lie beyond the last: the next entry is then `upto + 1`.
    pub fn purge(&self, group: u32, upto: u64, header: Header) -> Result<(), WalError> {
        self.submit_silently(
            group,
            Submission::Purge(LogPoint {
                index: upto,
                header,
            }),
        )
    }

    /// Sets a small value of a group. In order with every other submission.
    pub fn save(&self, group: u32, key: u8, value: Bytes, done: Done) {
        self.submit(group, Submission::Save(key, value), done);
    }

    fn submit(&self, group: u32, submission: Submission, done: Done) {
        let mut state = self.room_for(group, &submission);
        match state.submit(group, submission) {
            Ok(sequence) => {
                state.waiting.push_back((sequence, done));
                self.owner.shared.work.notify_one();
            }
            Err(error) => {
                drop(state);
                done(Err(error));
            }
        }
    }

    fn submit_silently(&self, group: u32, submission: Submission) -> Result<(), WalError> {
        let mut state = self.room_for(group, &submission);
        state.submit(group, submission)?;
        self.owner.shared.work.notify_one();
        Ok(())
    }

    /// Waits while the queue is full or a segment that the submission needs is being allocated.
    fn room_for(&self, group: u32, submission: &Submission) -> MutexGuard<'_, State> {
        let shared = &self.owner.shared;
        let mut state = shared.lock();
        loop {
            let queue_full = state.log.pending_bytes() > self.owner.queue_bytes_max;
            let wait = queue_full || state.log.room_for(group, submission) == Room::Wait;
            if !wait || state.closing || state.log.stopped().is_some() {
                return state;
            }
            shared.work.notify_one();
            state = wait_on(&shared.progress, state);
        }
    }

    /// Entries of `range` that are there, from its start, until their payloads exceed `bytes_max`; at least one. May
    /// read from disk.
    pub fn read(
        &self,
        group: u32,
        range: Range<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        let mut tries = 0;
        loop {
            let plan = self
                .owner
                .shared
                .lock()
                .log
                .plan_read(group, range.clone(), bytes_max);
            let result = plan.run();
            let Err(ReadError::Damaged {
                group,
                index,
                file,
                offset,
            }) = &result
            else {
                return result;
            };
            // A record that was purged, moved or removed meanwhile is not damaged.
            let there = self
                .owner
                .shared
                .lock()
                .log
                .lies_at(*group, *index, file, *offset);
            if there || tries == READ_RETRIES_MAX {
                return result;
            }
            tries += 1;
        }
    }

    /// The first index that is there.
    pub fn first(&self, group: u32) -> Option<u64> {
        self.owner.shared.lock().log.first(group)
    }

    /// The last entry that is there, durable or not.
    pub fn last(&self, group: u32) -> Option<LogPoint> {
        self.owner.shared.lock().log.last(group)
    }

    /// Up to where the group was purged.
    pub fn purged(&self, group: u32) -> Option<LogPoint> {
        self.owner.shared.lock().log.purged(group)
    }

    /// An entry's header, without reading it.
    pub fn point(&self, group: u32, index: u64) -> Option<LogPoint> {
        self.owner.shared.lock().log.point(group, index)
    }

    /// A small value, durable or not.
    pub fn value(&self, group: u32, key: u8) -> Option<Bytes> {
        self.owner.shared.lock().log.value(group, key)
    }

    /// Bytes of entries that still fit without allocating.
    pub fn room(&self) -> u64 {
        self.owner.shared.lock().log.room()
    }

    /// Whether new work should be taken: false some time before an append fails with `NoSpace`. A failed allocation is
    /// tried again every second.
    pub fn has_room(&self) -> bool {
        self.owner.shared.lock().log.has_room()
    }

    /// Live bytes of a group in the log.
    pub fn log_bytes(&self, group: u32) -> u64 {
        self.owner.shared.lock().log.log_bytes(group)
    }

    /// The groups that keep the oldest segment from being freed, with their live bytes in it, largest first. A group
    /// that stays here should take a snapshot and purge.
    pub fn pinned_by(&self) -> Vec<(u32, u64)> {
        self.owner.shared.lock().log.pinned_by()
    }

    /// The largest payload of an entry.
    pub fn payload_bytes_max(&self) -> usize {
        self.owner.shared.lock().log.payload_bytes_max()
    }

    /// Counters for metrics.
    pub fn stats(&self) -> &Arc<Stats> {
        &self.owner.stats
    }

    /// Writes what was submitted and ends the thread; later submissions are refused.
    pub fn close(&self) {
        self.owner.close();
    }
}

impl Owner {
    fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        self.shared.progress.notify_all();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The last handle may be dropped by a callback, on the thread itself.
        if let Some(thread) = thread.filter(|t| t.thread().id() != thread::current().id()) {
            // A panic there has been reported by its hook; the log is then stopped as any other way.
            let _ = thread.join();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// A panic while the lock was held leaves the log in the middle of a change; going on could lose what was promised.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no panic happened while the log was changed")
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            let flushed;
            (state, flushed) = self.flush(state);
            if state.closing && !flushed {
                return;
            }
            let kept;
            (state, kept) = self.upkeep(state);
            if flushed || kept {
                continue;
            }
            let timed_out;
            (state, timed_out) = self.sleep(state);
            if timed_out {
                state.log.retry_allocation();
            }
        }
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        if !state.log.is_allocation_blocked() {
            return (wait_on(&self.work, state), false);
        }
        let waited = self.work.wait_timeout(state, ALLOCATION_RETRY);
        let (state, timeout) = waited.expect("no panic happened while the log was changed");
        (state, timeout.timed_out())
    }

    /// One batch, if there is one. The lock is not held while it is written nor while callbacks run.
    fn flush<'a>(&'a self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let Some(mut flush) = state.log.begin_flush() else {
            let stopped = state.log.stopped().filter(|_| !state.waiting.is_empty());
            return match stopped {
                Some(error) => (self.tell(state, u64::MAX, &Err(error)), true),
                None => (self.tell_durable(state), false),
            };
        };
        drop(state);
        let last = flush.batch.last_sequence;
        let began = Instant::now();
        flush.run();
        let took = began.elapsed();
        let mut state = self.lock();
        state.log.stats().committed(took);
        let result = state.log.end_flush(flush);
        self.progress.notify_all();
        let upto = if result.is_ok() { last } else { u64::MAX };
        (self.tell(state, upto, &result), true)
    }

    /// Submissions that wrote nothing may wait for what is already durable.
    fn tell_durable<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let durable = state.log.durable();
        self.tell(state, durable, &Ok(()))
    }

    fn tell<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        upto: u64,
        result: &Result<(), WalError>,
    ) -> MutexGuard<'a, State> {
        let ready = state
            .waiting
            .iter()
            .take_while(|(sequence, _)| *sequence <= upto)
            .count();
        if ready == 0 {
            return state;
        }
        let ready: Vec<_> = state.waiting.drain(..ready).collect();
        drop(state);
        for (_, done) in ready {
            done(result.clone());
        }
        self.lock()
    }

    fn upkeep<'a>(&'a self, mut state: MutexGuard<'a, State>) -> (MutexGuard<'a, State>, bool) {
        let Some(work) = state.log.begin_upkeep() else {
            return (state, false);
        };
        drop(state);
        let result = work.run(&*self.disk);
        let mut state = self.lock();
        state.log.end_upkeep(result);
        self.progress.notify_all();
        (state, true)
    }
}

fn wait_on<'a>(on: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    on.wait(state)
        .expect("no panic happened while the log was changed")
}
