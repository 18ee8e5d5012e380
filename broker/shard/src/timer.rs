//! What happens at a point of shard time. Nothing here is in a snapshot: every timer follows from the state.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::types::{Millis, Sequence, SessionId};

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A session that nobody holds has expired.
    SessionEnds(SessionId),
    /// A will's delay is over.
    WillDue(SessionId),
    /// A queue entry that was not started has expired.
    EntryExpires(SessionId, Sequence),
    /// A topic's retained message has expired.
    RetainedExpires(Arc<str>),
}

/// All timers, in the order they become due.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Millis, Timer)>,
}

impl Timers {
    /// Sets a timer; setting it twice is setting it once.
    pub(crate) fn set(&mut self, at: Millis, timer: Timer) {
        self.due.insert((at, timer));
    }

    /// Takes a timer back, if it is set.
    pub(crate) fn cancel(&mut self, at: Millis, timer: Timer) {
        self.due.remove(&(at, timer));
    }

    /// Takes out the first timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Millis) -> Option<(Millis, Timer)> {
        if self.due.first()?.0 > now {
            return None;
        }
        self.due.pop_first()
    }

    /// When the first timer is due.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.due.first().map(|(at, _)| *at)
    }
}

/// The point in time `seconds` after `now`.
pub(crate) fn after_seconds(now: Millis, seconds: u32) -> Millis {
    now.saturating_add(u64::from(seconds) * 1_000)
}
