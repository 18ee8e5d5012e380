//! Consensus: one control group and the shard groups over one write-ahead log. No type of openraft
//! leaves this module.

mod control_machine;
mod encoding;
mod group;
mod groups;
mod limits;
mod log_store;
mod machine;
mod network;
mod server;
mod shard_machine;
mod snapshot;
mod start;
mod state_machine;
mod type_config;
mod upkeep;

pub use group::GroupStatus;
pub(crate) use group::{Group, ProposeError};
pub use groups::{Groups, Hooks, Options, RetainedFound};
pub(crate) use machine::Reply;
pub use machine::ShardReply;
pub(crate) use shard_machine::ShardMachine;
pub use start::StartError;

#[cfg(test)]
mod suite;
