//! Consensus: one control group and the shard groups over one write-ahead log. No type of openraft
//! leaves this module.

mod control_machine;
mod encoding;
mod group;
mod groups;
mod limits;
mod log_store;
mod machine;
mod membership;
mod network;
mod server;
mod shard_machine;
mod snapshot;
mod start;
mod state_machine;
mod type_config;
mod upkeep;

pub use group::GroupStatus;
pub(crate) use group::{Group, Leadership, ProposeError};
pub(crate) use groups::WeakGroups;
pub use groups::{Groups, Hooks, Options, RetainedFound, Start};
pub(crate) use machine::Reply;
pub use machine::ShardReply;
pub use membership::GroupMembers;
pub(crate) use shard_machine::ShardMachine;
pub use start::StartError;

#[cfg(test)]
mod suite;
