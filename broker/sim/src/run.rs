//! One seed from beginning to end, and what to say about it.

use crate::history::History;
use crate::invariants::{self, Violation};
use crate::scenario::Mistake;
use crate::world::World;

/// What a seed did, for a reader who wonders whether it did anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages clients published, wills not counted.
    pub messages: u64,
    /// PUBLISH packets that reached clients.
    pub deliveries: u64,
    /// Times the node died.
    pub crashes: u64,
    /// Events in all.
    pub events: u64,
}

/// A seed that broke a promise.
#[derive(Debug, Clone, thiserror::Error)]
#[error("seed {seed}: {violation}")]
pub struct Failure {
    /// Runs it again.
    pub seed: u64,
    /// What is broken.
    pub violation: Violation,
}

/// Runs a seed.
///
/// # Errors
/// The first promise that did not hold.
pub fn run_seed(seed: u64, mistake: Mistake) -> Result<Summary, Failure> {
    let (history, verdict) = run_seed_logged(seed, mistake);
    verdict.map_err(|violation| Failure { seed, violation })?;
    Ok(summary(&history))
}

/// Runs a seed and gives all that happened beside the verdict.
pub fn run_seed_logged(seed: u64, mistake: Mistake) -> (History, Result<(), Violation>) {
    let mut world = World::new(seed, mistake);
    let ran = world.run().and_then(|()| world.heal());
    let verdict = ran.and_then(|()| invariants::check(&world));
    (world.history, verdict)
}

fn summary(history: &History) -> Summary {
    use crate::history::Event;
    let count = |wanted: fn(&Event) -> bool| {
        history.events.iter().filter(|event| wanted(event)).count() as u64
    };
    Summary {
        messages: history
            .messages
            .iter()
            .filter(|message| message.will_of.is_none())
            .count() as u64,
        deliveries: count(|event| matches!(event, Event::Received { .. })),
        crashes: count(|event| matches!(event, Event::Crashed)),
        events: history.events.len() as u64,
    }
}
