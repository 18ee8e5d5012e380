//! Strangers, on tokio: from an accepted socket to an established connection that a worker takes.

mod established;

pub use established::*;
