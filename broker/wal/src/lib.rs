//! The write-ahead log of all Raft groups, over a Disk trait.
#![forbid(unsafe_code)]
