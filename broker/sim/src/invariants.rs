//! What must hold, one file per promise of the design: judges of a finished history, and two that watch while it
//! happens (epochs, replicas).

mod batches_once;
mod p1_acknowledged;
mod p3_epochs;
mod p4_exactly_once;
mod p5_order;
mod p5_retransmission;
mod p6_wills;
mod retained;
mod subscriptions;

pub(crate) use p3_epochs::Epochs;

use crate::world::World;

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {what}")]
pub struct Violation {
    /// Which one.
    pub invariant: &'static str,
    /// How it was broken.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self {
            invariant,
            what: what.into(),
        }
    }
}

/// Judges what happened.
pub(crate) fn check(world: &World) -> Result<(), Violation> {
    p1_acknowledged::check(world)?;
    p4_exactly_once::check(world)?;
    p5_order::check(world)?;
    p5_retransmission::check(world)?;
    p6_wills::check(world)?;
    batches_once::check(world)?;
    retained::check(world)
}
