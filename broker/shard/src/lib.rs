//! PURE. The replicated state machine of one shard: sessions, durable subscriptions, offline queues,
//! in-flight marks, retained messages and wills (design 2.2).
//!
//! Every replica applies the same batches and reaches the same state; only the leader's node runs the
//! returned [`Effect`]s. No clock, no randomness, no I/O, no unordered iteration.
#![forbid(unsafe_code)]

mod command;
mod effect;
mod outcome;
mod types;

pub use command::*;
pub use effect::*;
pub use outcome::*;
pub use types::*;
