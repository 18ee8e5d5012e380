//! Who in the cluster wants which filter: this node's own interest and that of the shards it leads, told to
//! every peer as versioned deltas; what peers tell, routed by in every worker (design 2, "interest").
//!
//! A barrier (P2) passes when every live member routes by a version. Nothing here knows a connection.

mod feed;
mod message;
mod own;
mod received;
mod service;

pub use feed::Source;
pub use service::{Interests, Live};
