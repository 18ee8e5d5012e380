//! Keep-alive at one and a half times the interval (MQTT-3.1.2-22). Holds no timer: the worker asks for
//! the deadline and comes back when it has passed.

/// When a client was last heard, and how long it may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAlive {
    /// Milliseconds; one plain store per read is all that traffic costs.
    heard: u64,
    /// Milliseconds of silence allowed; 0 is for ever (MQTT 5, 3.1.2.10).
    silence_max: u32,
}

impl KeepAlive {
    pub(crate) fn new(now: u64, keep_alive_seconds: u16) -> Self {
        Self {
            heard: now,
            silence_max: u32::from(keep_alive_seconds) * 1_500,
        }
    }

    pub(crate) fn heard(&mut self, now: u64) {
        self.heard = now;
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        (self.silence_max > 0).then(|| self.heard.saturating_add(u64::from(self.silence_max)))
    }

    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_a_half_intervals_of_silence_are_allowed() {
        let mut keep_alive = KeepAlive::new(1_000, 10);
        assert!(!keep_alive.is_over(15_999));
        assert!(keep_alive.is_over(16_000));
        keep_alive.heard(9_000);
        assert_eq!(keep_alive.deadline(), Some(24_000));
    }

    #[test]
    fn zero_switches_it_off() {
        let keep_alive = KeepAlive::new(0, 0);
        assert_eq!(keep_alive.deadline(), None);
        assert!(!keep_alive.is_over(u64::MAX));
    }
}
