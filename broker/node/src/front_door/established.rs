//! What the front door hands over, and to whom: the seam between strangers (tokio) and workers.
//!
//! Only types and traits; nothing here reads a socket or knows a worker.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use quorate_codec::Version;
use quorate_shard::{Claimed, Owner, Will};
use tokio::sync::OwnedSemaphorePermit;

use crate::transport::{Stream, WebSocket};

/// A connection that has logged in and owns its client id. Nothing has been sent to it yet.
#[derive(Debug)]
pub struct Established {
    /// The socket: non-blocking, no delay; on no event loop any more.
    pub stream: Stream,
    /// TLS state after its handshake; what it had decrypted already is in `leftover`, what it holds
    /// undecrypted stays in it.
    pub tls: Option<Box<rustls::ServerConnection>>,
    /// The state of its frames, if it talks in WebSocket frames.
    pub websocket: Option<Box<WebSocket>>,
    /// Plain bytes read behind CONNECT; they come before anything the socket still has.
    pub leftover: Vec<u8>,
    /// The CONNACK to send before anything else, encoded for the client's version.
    pub connack: Vec<u8>,
    /// What CONNECT asked for, within our limits.
    pub connect: ConnectOptions,
    /// The claim in the client id's shard.
    pub claimed: Claimed,
    /// Where the client is, for logs.
    pub peer: Peer,
    /// Who the client proved to be; `None` is anonymous.
    pub username: Option<Arc<str>>,
    /// Counts the connection against `limits.connections_max`; keep it until the socket is closed.
    pub slot: ConnectionSlot,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Behind this address; if a trusted proxy said so, the one that the proxy saw.
    Address(SocketAddr),
    /// A process of this machine, by its user.
    Local {
        /// The user's number.
        user: u32,
    },
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Local { user } => write!(f, "user {user} of this machine"),
        }
    }
}

/// What a CONNECT asked for, owned, with defaults filled in and our limits applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Protocol version.
    pub version: Version,
    /// Client identifier: the client's, or the one assigned to it.
    pub client_id: Arc<str>,
    /// Discard what an earlier session left (3.1.1: clean session).
    pub clean_start: bool,
    /// Longest time between two packets of the client in seconds, before the factor of 1.5; 0 is off.
    pub keep_alive_seconds: u16,
    /// Session expiry interval in seconds within our limit; 0 ends with the connection.
    pub session_expiry_seconds: u32,
    /// QoS 1 and 2 messages the client takes unacknowledged; never 0.
    pub receive_maximum: u16,
    /// Largest packet the client takes, in bytes.
    pub packet_bytes_max: u32,
    /// Topic aliases the client takes; 0 is none.
    pub topic_alias_maximum: u16,
    /// Whether reason strings and user properties may be sent on any packet (MQTT 5, 3.1.2.11.7).
    pub request_problem_information: bool,
}

/// One of `limits.connections_max`; free again when dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    _permit: Option<OwnedSemaphorePermit>,
}

impl ConnectionSlot {
    /// A slot that counts.
    pub fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Some(permit),
        }
    }

    /// A slot that counts nothing, for tests of what is behind the front door.
    pub fn uncounted() -> Self {
        Self { _permit: None }
    }
}

/// Takes established connections: in production the workers, by fewest connections.
pub trait Handover: Send + Sync {
    /// Takes the connection. It owns its client id already, so a receiver that cannot serve it has to
    /// release the claim.
    fn hand_over(&self, established: Established);
}

/// What a connection wants of its client id's session.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimRequest {
    /// Client identifier.
    pub client_id: Arc<str>,
    /// Discard what an earlier session left.
    pub clean_start: bool,
    /// Session expiry interval in seconds, within our limit.
    pub expiry_seconds: u32,
    /// Deliveries that may be unacknowledged at once, within our limit.
    pub window: u16,
    /// Published when the connection is lost.
    pub will: Option<Will>,
}

/// Why a client id could not be claimed; decides the reason code of the refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The shard cannot be reached or has no quorum (P7): *Server unavailable*.
    #[error("the session's shard is not available")]
    Unavailable,
    /// Too much is waiting already: *Server busy*.
    #[error("the session's shard has too much to do")]
    Busy,
    /// No room for another session: *Quota exceeded*.
    #[error("there is no room for another session")]
    QuotaExceeded,
}

/// The session directory as the front door sees it.
pub trait Sessions: Send + Sync {
    /// Commits the claim in the client id's shard. The future is always polled to its end, also when the
    /// client is gone meanwhile; what it brought is then given back. It must end by itself: with
    /// [`ClaimError::Unavailable`] when the shard does not answer.
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Claimed, ClaimError>>;

    /// Has the connection of an earlier claim closed with *Session taken over* (0x8E) and resolves when
    /// it is closed, or its node's lease has ended.
    fn close_previous<'a>(&'a self, client_id: &'a Arc<str>, previous: Owner) -> BoxFuture<'a, ()>;

    /// Gives a claim back that no connection came of. The will is not published: it was never accepted.
    fn give_back(&self, client_id: &Arc<str>, claimed: &Claimed);
}
