//! PURE. The replicated state machine of one shard: sessions, durable subscriptions, offline queues,
//! in-flight marks, retained messages and wills (design 2.2).
//!
//! Every replica applies the same batches and reaches the same state; only the leader's node runs the
//! returned [`Effect`]s. It starts from [`Shard`]. No clock, no randomness, no I/O, no unordered iteration.
#![forbid(unsafe_code)]

mod applied;
mod apply;
mod command;
mod delivery;
mod effect;
mod limits;
mod message_store;
mod origin;
mod outcome;
mod proposers;
mod queue;
mod record;
mod restore;
mod retained;
mod session_table;
mod shard;
mod share_groups;
mod snapshot;
mod statistics;
mod subscription_index;
mod timer;
mod types;
mod will_table;

pub use applied::*;
pub use command::*;
pub use delivery::*;
pub use effect::*;
pub use limits::*;
pub use outcome::*;
pub use record::*;
pub use shard::Shard;
pub use statistics::Statistics;
pub use types::*;
