//! When interest is in force everywhere: deltas are numbered as they are handed out, and a SUBACK waits
//! for the number it depends on (P2). It does not know who confirms.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers of handed-out and confirmed interest of one shard.
#[derive(Default)]
pub struct Barrier(Mutex<State>);

#[derive(Default)]
struct State {
    issued: u64,
    confirmed: u64,
    /// Ascending, since numbers are asked for in the order of applies.
    waiting: VecDeque<(u64, Box<dyn FnOnce() + Send>)>,
}

impl Barrier {
    /// The next number, for a delta that is handed out now.
    pub fn issue(&self) -> u64 {
        let mut state = self.lock();
        state.issued += 1;
        state.issued
    }

    /// The last number that was handed out.
    pub fn issued(&self) -> u64 {
        self.lock().issued
    }

    /// Whether everybody routes by everything up to `number`.
    pub fn is_confirmed(&self, number: u64) -> bool {
        self.lock().confirmed >= number
    }

    /// Everybody routes by the delta of this number, and thus by those before.
    pub fn confirm(&self, number: u64) {
        let mut ready = Vec::new();
        {
            let mut state = self.lock();
            state.confirmed = state.confirmed.max(number);
            while let Some((number, _)) = state.waiting.front() {
                if *number > state.confirmed {
                    break;
                }
                ready.extend(state.waiting.pop_front().map(|(_, call)| call));
            }
        }
        for call in ready {
            call();
        }
    }

    /// Calls once everything up to `number` is confirmed; at once if it is.
    pub fn when_confirmed(&self, number: u64, call: impl FnOnce() + Send + 'static) {
        {
            let mut state = self.lock();
            if state.confirmed < number {
                let place = state.waiting.partition_point(|(other, _)| *other <= number);
                state.waiting.insert(place, (number, Box::new(call)));
                return;
            }
        }
        call();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::Barrier;

    #[test]
    fn waits_for_its_number_and_no_other() {
        let barrier = Barrier::default();
        let calls = Arc::new(AtomicU64::new(0));
        let count = |amount| {
            let calls = Arc::clone(&calls);
            move || {
                calls.fetch_add(amount, Relaxed);
            }
        };
        barrier.when_confirmed(0, count(1));
        assert_eq!(calls.load(Relaxed), 1, "nothing was handed out");
        let first = barrier.issue();
        let second = barrier.issue();
        barrier.when_confirmed(second, count(100));
        barrier.when_confirmed(first, count(10));
        barrier.confirm(first);
        assert_eq!(calls.load(Relaxed), 11);
        barrier.confirm(second);
        assert_eq!(calls.load(Relaxed), 111);
    }
}
