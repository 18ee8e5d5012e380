//! A coarse timer wheel, one per worker: keep-alives of many connections for a few bytes each.
//!
//! Entries are never removed: when one fires, the owner looks at the connection and may arm it again.

use quorate_router::ConnectionId;

/// Slots of the wheel, one per second: keep-alives beyond it fire early and are armed again.
const SLOTS: usize = 512;
const SLOT_MILLIS: u64 = 1_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Timers {
    slots: Vec<Vec<ConnectionId>>,
    /// The next slot's time to fire, in slots since the worker started.
    next_slot: u64,
    armed: usize,
}

impl Timers {
    pub(super) fn new(now: u64) -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            next_slot: now / SLOT_MILLIS + 1,
            armed: 0,
        }
    }

    /// Fires `connection` at `deadline` or up to a second later (never before, unless beyond the wheel).
    pub(super) fn arm(&mut self, connection: ConnectionId, deadline: u64) {
        let slot = deadline.div_ceil(SLOT_MILLIS).max(self.next_slot);
        let slot = slot.min(self.next_slot + SLOTS as u64 - 1);
        self.slots[(slot % SLOTS as u64) as usize].push(connection);
        self.armed += 1;
    }

    /// Milliseconds until the wheel wants to be looked at; `None` when nothing is armed.
    pub(super) fn wait_millis(&self, now: u64) -> Option<u64> {
        (self.armed > 0).then(|| (self.next_slot * SLOT_MILLIS).saturating_sub(now))
    }

    /// Moves what is due at `now` to `fired`.
    pub(super) fn poll(&mut self, now: u64, fired: &mut Vec<ConnectionId>) {
        while self.next_slot * SLOT_MILLIS <= now {
            let slot = &mut self.slots[(self.next_slot % SLOTS as u64) as usize];
            self.armed -= slot.len();
            fired.append(slot);
            // A burst's capacity is not kept for ever.
            slot.shrink_to(64);
            self.next_slot += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_fires_at_its_deadline_and_not_before() {
        let id = ConnectionId {
            index: 1,
            generation: 1,
        };
        let mut timers = Timers::new(5_000);
        let mut fired = Vec::new();
        timers.arm(id, 7_200);
        assert_eq!(timers.wait_millis(5_000), Some(1_000));
        timers.poll(7_999, &mut fired);
        assert!(fired.is_empty());
        timers.poll(8_000, &mut fired);
        assert_eq!(fired, [id]);
        assert_eq!(timers.wait_millis(8_000), None);
    }

    #[test]
    fn a_deadline_beyond_the_wheel_fires_early_to_be_armed_again() {
        let id = ConnectionId {
            index: 1,
            generation: 1,
        };
        let mut timers = Timers::new(0);
        let mut fired = Vec::new();
        timers.arm(id, 10_000_000);
        timers.poll(SLOTS as u64 * SLOT_MILLIS, &mut fired);
        assert_eq!(fired, [id]);
    }
}
