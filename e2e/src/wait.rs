//! Waiting for a condition with a deadline: the only place of the tests that lets time pass.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for something that should take milliseconds, on a machine that is busy.
pub const PATIENCE: Duration = Duration::from_secs(15);

const STEP: Duration = Duration::from_millis(2);

/// Probes until there is a value.
///
/// # Errors
/// When `limit` has passed; the error says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Ok(value);
        }
        if Instant::now() > end {
            bail!("waited {limit:?} in vain for {what}");
        }
        // tidy: sleep: the step of the one poll that all waiting goes through
        thread::sleep(STEP);
    }
}

/// Lets time pass where time itself is the matter, such as the random moment of a crash.
pub fn pass(time: Duration) {
    // tidy: sleep: time itself is what the caller wants, not a condition
    thread::sleep(time);
}
