//! ALL I/O of a broker node. Pure crates decide; this crate does.

pub mod config;
pub mod data_dir;
pub mod front_door;
pub mod metrics;
