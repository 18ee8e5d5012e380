//! Why something could not be sent to a peer, and why a peer's stream was refused.

use std::io;
use std::net::SocketAddr;

/// A frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer is not connected, or is no member.
    #[error("the peer is not connected")]
    Down,
    /// The lane's queue is full: the peer reads too slowly.
    #[error("the queue to the peer is full")]
    Full,
}

/// A call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The peer is not connected, or the connection ended before the answer: the outcome is unknown.
    #[error("the peer is not connected")]
    Down,
    /// The lane's queue is full; nothing was sent.
    #[error("the queue to the peer is full")]
    Full,
    /// No answer came in time: the outcome is unknown.
    #[error("the peer did not answer in time")]
    Deadline,
    /// The peer's handler does not answer this: it is not there, does not understand the body, or gave up.
    #[error("the peer refuses to answer")]
    Refused,
}

impl From<SendError> for CallError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Down => Self::Down,
            SendError::Full => Self::Full,
        }
    }
}

/// Why a stream or a connection of a peer was refused or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The sender names another cluster.
    #[error("another cluster")]
    Cluster,
    /// The sender means another node: the address has a new owner.
    #[error("another receiver")]
    Receiver,
    /// The sender is no member, or no longer.
    #[error("not a member")]
    Member,
    /// A newer life of the sender is known.
    #[error("an older incarnation")]
    Incarnation,
    /// What it sent is not understood.
    #[error("malformed")]
    Malformed,
    /// The TLS handshake failed: a foreign CA, no certificate, or no TLS at all.
    #[error("TLS")]
    Tls,
    /// It said nothing in time.
    #[error("silent")]
    Silent,
    /// One connection too many.
    #[error("too many connections")]
    Many,
    /// This node has no identity yet.
    #[error("not ready")]
    NotReady,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Cluster,
        Self::Receiver,
        Self::Member,
        Self::Incarnation,
        Self::Malformed,
        Self::Tls,
        Self::Silent,
        Self::Many,
        Self::NotReady,
    ];

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Receiver => "receiver",
            Self::Member => "member",
            Self::Incarnation => "incarnation",
            Self::Malformed => "malformed",
            Self::Tls => "tls",
            Self::Silent => "silent",
            Self::Many => "many",
            Self::NotReady => "not_ready",
        }
    }
}

/// The port for peers could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Without certificates anybody on the network could join in.
    #[error(
        "{0} is not a loopback address: without certificates peers are listened for on loopback only; give a certificate, a key and the peers' CA, or listen on 127.0.0.1"
    )]
    Unprotected(SocketAddr),
    /// The operating system.
    #[error("cannot listen for peers on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A Join call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody there, or no TLS that both sides accept.
    #[error("{address} cannot be reached: {problem}")]
    Unreachable {
        /// Who was asked.
        address: String,
        /// With its causes.
        problem: String,
    },
    /// The node there cannot answer.
    #[error("{address} refuses: {problem}")]
    Refused {
        /// Who was asked.
        address: String,
        /// What it says.
        problem: String,
    },
}
