//! PURE. MQTT bytes to packets and back, as borrowed views of the bytes read.
//! Knows no socket, no clock and no session.
#![forbid(unsafe_code)]

mod types;

pub use types::*;
