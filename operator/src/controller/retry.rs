//! How long to wait after a failure: twice as long after each one in a row, up to a bound.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits::{RETRY_PAUSE_MAX, RETRY_PAUSE_MIN};

/// Failures in a row, by resource.
#[derive(Debug, Default)]
pub(super) struct Retries(Mutex<BTreeMap<String, u32>>);

impl Retries {
    /// Notes a failure; answers with the pause before the next try.
    pub(super) fn pause(&self, name: &str) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(name.to_owned()).or_insert(0);
        let pause = RETRY_PAUSE_MIN.saturating_mul(1 << (*count).min(16));
        *count += 1;
        pause.min(RETRY_PAUSE_MAX)
    }

    /// It went well, or there is no such resource any more.
    pub(super) fn forget(&self, name: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_begin_anew_after_success() {
        let retries = Retries::default();
        let pauses: Vec<u64> = (0..9).map(|_| retries.pause("a").as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retries.pause("b").as_secs(), 1);
        retries.forget("a");
        assert_eq!(retries.pause("a").as_secs(), 1);
    }
}
