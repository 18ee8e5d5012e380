//! ALL I/O of a broker node. Pure crates decide; this crate does.

pub mod admin;
pub mod auth;
pub mod certs;
pub mod cli;
pub mod config;
pub mod convert;
pub mod data_dir;
pub mod delivery;
pub mod dev;
mod file_watch;
pub mod front_door;
pub mod http;
pub mod interest;
mod launch;
pub mod members;
pub mod metrics;
pub mod node;
pub mod peers;
pub mod raft;
pub mod registry;
pub mod shard_client;
pub mod shutdown;
mod sys;
pub mod telemetry;
mod tls_files;
pub mod transport;
pub mod worker;

pub use launch::launch;
