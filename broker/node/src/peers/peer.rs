//! One peer as it is dialled: its lanes' streams, and what is sent on them. How they come up: `dial`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::calls::{Calls, Done};
use super::counters::{LaneCounters, PeerCounters};
use super::error::{CallError, SendError};
use super::frame::{self, ONE_WAY};
use super::kind::{Kind, Lane};
use super::limits::queue_bytes_max;
use super::queue::{End, Queue};
use super::state::PeerAddress;

/// A member other than this node.
pub(super) struct Peer {
    pub(super) at: PeerAddress,
    lanes: [LaneState; 3],
    /// It was heard from: dial it without a pause.
    pub(super) heard: [Notify; 3],
    pub(super) counters: Arc<PeerCounters>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// The stream of a lane while it is up.
#[derive(Default)]
struct LaneState(ArcSwapOption<Dialled>);

/// A stream that this node dialled.
pub(super) struct Dialled {
    pub(super) queue: Arc<Queue>,
    calls: Calls,
    counters: Arc<LaneCounters>,
}

impl Peer {
    pub(super) fn new(at: PeerAddress, counters: Arc<PeerCounters>) -> Self {
        Self {
            at,
            lanes: Default::default(),
            heard: Default::default(),
            counters,
            tasks: Mutex::default(),
        }
    }

    pub(super) fn send(&self, lane: Lane, kind: Kind, body: &[u8]) -> Result<(), SendError> {
        let stream = self.stream(lane).ok_or(SendError::Down)?;
        stream.push(kind.number(), ONE_WAY, body)
    }

    /// Calls; gives `done` back with an error if nothing was sent.
    pub(super) fn call(
        &self,
        lane: Lane,
        kind: Kind,
        body: &[u8],
        deadline: Duration,
        done: Done,
    ) -> Result<(), (Done, CallError)> {
        let Some(stream) = self.stream(lane) else {
            return Err((done, CallError::Down));
        };
        stream.call(kind, body, deadline, done)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.lanes.iter().all(|lane| lane.0.load().is_some())
    }

    pub(super) fn expire(&self, now: Instant) {
        for lane in Lane::ALL {
            if let Some(stream) = self.stream(lane) {
                stream.calls.expire(now);
            }
        }
    }

    pub(super) fn greet(&self) {
        for lane in Lane::ALL {
            if let Some(stream) = self.stream(lane) {
                stream.queue.greet();
            }
        }
    }

    /// The lane's stream is up, until [`Self::down`].
    pub(super) fn up(&self, lane: Lane, stream: &Arc<Dialled>) {
        self.lanes[lane as usize].0.store(Some(Arc::clone(stream)));
        stream.counters.connects.add_shared(1);
    }

    pub(super) fn down(&self, lane: Lane) {
        self.lanes[lane as usize].0.store(None);
    }

    pub(super) fn new_stream(&self, lane: Lane) -> Arc<Dialled> {
        Arc::new(Dialled {
            queue: Arc::new(Queue::new(queue_bytes_max(lane))),
            calls: Calls::default(),
            counters: Arc::clone(self.counters.lane(lane)),
        })
    }

    /// These tasks keep its lanes up.
    pub(super) fn dialled_by(&self, tasks: impl IntoIterator<Item = AbortHandle>) {
        self.tasks().extend(tasks);
    }

    pub(super) fn is_dialled(&self) -> bool {
        !self.tasks().is_empty()
    }

    /// It is no member any more, or elsewhere: its streams end, and nothing dials it again.
    pub(super) fn retire(&self) {
        self.tasks().iter().for_each(AbortHandle::abort);
        for lane in Lane::ALL {
            if let Some(stream) = self.stream(lane) {
                stream.end();
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self, lane: Lane) -> Option<Arc<Dialled>> {
        self.lanes[lane as usize].0.load_full()
    }
}

impl Dialled {
    fn push(&self, kind: u8, correlation: u64, body: &[u8]) -> Result<(), SendError> {
        let pushed = self.queue.push(kind, correlation, body);
        if pushed == Err(SendError::Full) {
            self.counters.dropped.add_shared(1);
        }
        pushed
    }

    fn call(
        &self,
        kind: Kind,
        body: &[u8],
        deadline: Duration,
        done: Done,
    ) -> Result<(), (Done, CallError)> {
        let begun = self.calls.begin(deadline, done);
        let id = begun.map_err(|done| (done, CallError::Full))?;
        let Err(error) = self.push(kind.number(), id, body) else {
            return Ok(());
        };
        // Gone already when the stream's end has completed it in the meantime.
        match self.calls.take_back(id) {
            Some(done) => Err((done, error.into())),
            None => Ok(()),
        }
    }

    /// An answer came. One to a call that does not wait any more is nothing.
    pub(super) fn answer(&self, kind: u8, correlation: u64, body: Bytes) {
        let result = match kind {
            frame::ANSWER => Ok(body),
            _ => Err(CallError::Refused),
        };
        if let Some(took) = self.calls.complete(correlation, result) {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.counters.round_trip_micros.record_shared(micros);
        }
    }

    /// Nothing more is sent and nobody waits any more.
    pub(super) fn end(&self) {
        self.queue.end(End::Plain);
        self.calls.fail_all();
    }
}
