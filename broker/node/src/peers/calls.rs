//! Calls of one stream that wait for their answers. Each is completed exactly once, never under the lock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::CallError;
use super::limits::CALLS_PENDING_MAX;

/// What a call's answer is given to.
pub type Done = Box<dyn FnOnce(Result<Bytes, CallError>) + Send>;

#[derive(Default)]
pub(super) struct Calls(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, Waiting>,
    /// No deadline is before this.
    quiet_until: Option<Instant>,
}

struct Waiting {
    done: Done,
    begun: Instant,
    deadline: Instant,
}

impl Calls {
    /// Notes a call down and gives it an id; gives `done` back when there are too many.
    pub(super) fn begin(&self, deadline: Duration, done: Done) -> Result<u64, Done> {
        let begun = Instant::now();
        let mut state = self.state();
        if state.waiting.len() >= CALLS_PENDING_MAX {
            return Err(done);
        }
        state.last += 1;
        let id = state.last;
        let deadline = begun + deadline;
        let quiet_until = state
            .quiet_until
            .map_or(deadline, |until| until.min(deadline));
        state.quiet_until = Some(quiet_until);
        let waiting = Waiting {
            done,
            begun,
            deadline,
        };
        state.waiting.insert(id, waiting);
        Ok(id)
    }

    /// Takes a call back, if it still waits.
    pub(super) fn take_back(&self, id: u64) -> Option<Done> {
        self.state().waiting.remove(&id).map(|call| call.done)
    }

    /// Completes a call; `None` if it does not wait any more. How long it took.
    pub(super) fn complete(&self, id: u64, result: Result<Bytes, CallError>) -> Option<Duration> {
        let call = self.state().waiting.remove(&id)?;
        let took = call.begun.elapsed();
        (call.done)(result);
        Some(took)
    }

    /// Completes what is due.
    pub(super) fn expire(&self, now: Instant) {
        let mut state = self.state();
        if state.quiet_until.is_none_or(|until| now < until) {
            return;
        }
        let due = state.waiting.extract_if(|_, call| call.deadline <= now);
        let due: Vec<_> = due.collect();
        state.quiet_until = state.waiting.values().map(|call| call.deadline).min();
        drop(state);
        for (_, call) in due {
            (call.done)(Err(CallError::Deadline));
        }
    }

    /// Completes all: the stream has ended.
    pub(super) fn fail_all(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        for call in waiting.into_values() {
            (call.done)(Err(CallError::Down));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc};

    fn call(calls: &Calls, deadline: u64) -> (u64, mpsc::Receiver<Result<Bytes, CallError>>) {
        let (told, answer) = mpsc::channel();
        let done = Box::new(move |result| told.send(result).unwrap());
        let id = calls.begin(Duration::from_secs(deadline), done);
        (id.ok().unwrap(), answer)
    }

    #[test]
    fn each_call_is_completed_once() {
        let calls = Arc::new(Calls::default());
        let (answered, first) = call(&calls, 10);
        let (_, second) = call(&calls, 5);
        let (_, third) = call(&calls, 60);
        assert!(
            calls
                .complete(answered, Ok(Bytes::from_static(b"a")))
                .is_some()
        );
        assert!(calls.complete(answered, Ok(Bytes::new())).is_none());
        assert_eq!(first.try_recv().unwrap(), Ok(Bytes::from_static(b"a")));
        calls.expire(Instant::now());
        assert!(second.try_recv().is_err());
        calls.expire(Instant::now() + Duration::from_secs(11));
        assert_eq!(second.try_recv().unwrap(), Err(CallError::Deadline));
        calls.fail_all();
        assert_eq!(third.try_recv().unwrap(), Err(CallError::Down));
        assert!(first.try_recv().is_err() && second.try_recv().is_err());
    }
}
