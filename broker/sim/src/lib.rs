//! Seeded simulation of a node: the worker's core, the shards with their dispatchers, the proposer's parts and the
//! write-ahead log are the real ones; clock, disk, network and clients are simulated, and one seed decides all of
//! it. It must not read a clock, start a thread or open a socket.
//!
//! It depends on `quorate-node` for what that crate has free of I/O: `worker::Core`, `delivery::Dispatcher`,
//! the queue and flight of `shard_client`, and the encodings of `convert`. One node today; a world holds its node
//! beside links and clients, so that more can stand there.
//!
//! - [`run_seed`]: one seed, from a fresh disk to the verdict of every file in `invariants`.
//! - [`Mistake`]: what can be broken on purpose, to see that the invariants notice.
#![forbid(unsafe_code)]

mod client;
mod history;
mod invariants;
mod limits;
mod link;
mod node;
mod random;
mod run;
mod scenario;
mod world;

pub use history::{Event, History};
pub use invariants::Violation;
pub use run::{Failure, Summary, run_seed, run_seed_logged};
pub use scenario::Mistake;
