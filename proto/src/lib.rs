//! Generated protobuf types; the fields are documented in the .proto files. Nothing else lives here.

/// Durable formats: what log entries carry, votes, snapshots.
// Generated: its variants are moved once and boxing them would cost an allocation each.
#[allow(clippy::large_enum_variant)]
pub mod log {
    include!(concat!(env!("OUT_DIR"), "/quorate.log.v1.rs"));
}

/// What nodes say to each other.
#[allow(clippy::large_enum_variant)]
pub mod peer {
    include!(concat!(env!("OUT_DIR"), "/quorate.peer.v1.rs"));
}

/// What operators say to a node.
pub mod admin {
    include!(concat!(env!("OUT_DIR"), "/quorate.admin.v1.rs"));
}
