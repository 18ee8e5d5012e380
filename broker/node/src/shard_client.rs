//! The way of a command to its shard's log and of its outcome back: gathers what is ready into batches,
//! numbers them, proposes them again until they are applied, and completes who waits.
//! It decides nothing about commands; it only refuses what does not fit (`limits`).

mod clock;
mod completer;
mod confirmations;
mod flight;
mod intake;
mod limits;
mod proposer;
mod queue;
mod request;
mod statistics;

pub(crate) use clock::Clock;
pub use completer::complete;
pub use flight::{Answered, Flight, Step};
pub(crate) use intake::Intake;
pub(crate) use proposer::{Proposer, ProposerParts};
pub use queue::Queue;
pub use request::{Completions, ReplyTo, Request, Unavailable};
pub use statistics::ProposerStatistics;
