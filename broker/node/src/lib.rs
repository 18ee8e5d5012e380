//! ALL I/O of a broker node. Pure crates decide; this crate does.
