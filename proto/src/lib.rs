//! Generated protobuf types; the fields are documented in the .proto files. Nothing else lives here.

pub use quorate::admin::v1 as admin;
pub use quorate::log::v1 as log;
pub use quorate::peer::v1 as peer;

/// The packages as the generated code expects them, since one names another's types.
mod quorate {
    pub mod log {
        /// Durable formats: what log entries carry, votes, snapshots.
        // Generated: its variants are moved once and boxing them would cost an allocation each.
        #[allow(clippy::large_enum_variant)]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/quorate.log.v1.rs"));
        }
    }
    pub mod peer {
        /// What nodes say to each other.
        #[allow(clippy::large_enum_variant)]
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/quorate.peer.v1.rs"));
        }
    }
    pub mod admin {
        /// What operators say to a node.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/quorate.admin.v1.rs"));
        }
    }
}
