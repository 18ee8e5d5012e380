//! Consensus: one control group and the shard groups over one write-ahead log. No type of openraft
//! leaves this module.

mod answers;
mod append_server;
mod append_stream;
mod control_machine;
mod encoding;
mod group;
mod groups;
mod limits;
mod log_store;
mod machine;
mod membership;
mod network;
mod retained;
mod server;
mod shard_handle;
mod shard_machine;
mod snapshot;
mod snapshot_receiver;
mod snapshot_sender;
mod start;
mod state_machine;
mod type_config;
mod upkeep;
mod wire;

pub use group::GroupStatus;
pub(crate) use group::{Group, Leadership, ProposeError, Way};
pub(crate) use groups::WeakGroups;
pub use groups::{Groups, Hooks, Options, Start};
pub(crate) use machine::Reply;
pub use machine::ShardReply;
pub use membership::GroupMembers;
pub use retained::RetainedFound;
pub(crate) use shard_machine::ShardMachine;
pub use start::StartError;

#[cfg(test)]
mod network_tests;
#[cfg(test)]
mod suite;
