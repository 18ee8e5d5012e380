//! Established bytes to plain bytes and back. No I/O of its own: the worker's event loop reads and
//! writes the socket, a transport only turns what was read or is to be written.
//!
//! `ws`/`wss` framing gets its place here as one more variant.

mod tls;

pub use tls::{Tls, TlsError};

/// How a connection's bytes look on the wire.
#[derive(Debug)]
pub enum Transport {
    /// Bytes on the wire are MQTT.
    Plain,
    /// TLS records; boxed, since a plain connection should not pay for its size.
    Tls(Box<Tls>),
}
