//! What applying one batch came to.

use std::sync::Arc;

use crate::effect::Effect;
use crate::outcome::Outcome;
use crate::types::Incarnation;

/// The result of one batch. Effects are to be run by the leader whatever the admission was: timers run
/// with every batch, since its stamp moves the shard's time.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Whether the commands were applied now, earlier, or not at all.
    pub admission: Admission,
    /// One per command in its order; empty when the batch was refused. Shared with the shard, which
    /// keeps the outcomes of the last batches for a repeat.
    pub outcomes: Arc<[Outcome]>,
    /// What the leader has to do, in order.
    pub effects: Vec<Effect>,
}

/// Whether a batch's commands took part in the state (design 2.1: idempotent batches).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Applied now.
    Fresh,
    /// Applied before; `outcomes` are those of the first time.
    Duplicate,
    /// Not applied.
    Refused(Refusal),
}

/// Why a batch was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The node has a later life, or was declared dead by `ReleaseNode`.
    #[error("the proposer's incarnation is over; the shard knows {current}")]
    OlderIncarnation {
        /// The lowest incarnation that is still accepted.
        current: Incarnation,
    },
    /// A batch before this one is missing; propose again from `expected`.
    #[error("batches are missing; expected number {expected}")]
    Gap {
        /// The number the shard waits for.
        expected: u64,
    },
    /// Applied before, so long ago that its outcomes are not kept any more.
    #[error("applied long ago; outcomes are kept from number {oldest}")]
    Forgotten {
        /// The oldest number whose outcomes are kept.
        oldest: u64,
    },
}
