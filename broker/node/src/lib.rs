//! ALL I/O of a broker node. Pure crates decide; this crate does.

pub mod config;
pub mod convert;
pub mod data_dir;
pub mod delivery;
pub mod front_door;
pub mod metrics;
pub mod raft;
pub mod shard_client;
