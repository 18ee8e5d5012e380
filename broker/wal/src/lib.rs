//! The write-ahead log of all Raft groups of a node: one ordered stream over a `Disk` trait, written by one thread
//! with group commit. Nothing is reported durable before its sync; the first failed write or sync stops the log for good.
//!
//! It knows groups, indexes and opaque bytes, and must not know Raft, MQTT or a clock beyond measuring its syncs.
//!
//! - [`Wal`]: the log behind its writer thread; what a node uses.
//! - [`Log`]: the synchronous core, without threads, clock or randomness; what the simulation drives.
//! - [`Disk`]: what the log needs of a disk; [`FsDisk`] is a directory, [`SimDisk`] a disk that crashes by a seed.
#![forbid(unsafe_code)]

mod allocation;
mod disk;
mod entry;
mod error;
mod flush;
mod index;
pub mod limits;
mod log;
mod options;
mod reading;
mod record;
mod recovery;
mod ring;
mod segment;
mod segments;
pub mod sim_disk;
mod stats;
mod submission;
mod tail;
mod writer;

pub use disk::{Disk, DiskFile, FsDisk};
pub use entry::{Entry, GroupState, HEADER_BYTES, Header, LogPoint, Recovered, TornTail};
pub use error::{OpenError, ReadError, WalError};
pub use log::Log;
pub use options::{Fault, Options};
pub use sim_disk::SimDisk;
pub use stats::{Histogram, Stats};
pub use writer::{Done, Wal};
