//! Generated protobuf types; the fields are documented in the .proto files. Nothing else lives here.

/// Durable formats: log entries, votes, snapshots.
pub mod log {
    include!(concat!(env!("OUT_DIR"), "/quorate.log.v1.rs"));
}
