//! Consensus: one control group and the shard groups over one write-ahead log. No type of openraft
//! leaves this module.

mod groups;

pub use groups::{Groups, Hooks, Options, RetainedFound, StartError};
