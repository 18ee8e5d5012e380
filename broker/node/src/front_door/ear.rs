//! A socket that listens, whichever kind it is.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::established::Peer;
use super::tcp::{self, BindError};
use super::unix::{UnixBindError, UnixFace};
use super::wire::Wire;
use crate::config::{Listener, Place};

/// See the module.
#[derive(Debug)]
pub(super) enum Ear {
    Tcp(TcpListener),
    Unix(UnixFace),
}

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// On the network.
    #[error(transparent)]
    Tcp(#[from] BindError),
    /// In the file system.
    #[error(transparent)]
    Unix(#[from] UnixBindError),
}

impl Ear {
    /// Opens the listener's socket; must run on the runtime.
    pub(super) fn open(listener: &Listener) -> Result<Self, ListenError> {
        Ok(match &listener.place {
            Place::Address(address) => Self::Tcp(tcp::bind(listener.scheme(), *address)?),
            Place::Path { path, mode } => Self::Unix(UnixFace::bind(path, *mode)?),
        })
    }

    /// Where it listens; the port is the real one where 0 was asked for. `None` is not on the network.
    pub(super) fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Some),
            Self::Unix(_) => Ok(None),
        }
    }

    /// The next stranger.
    pub(super) async fn accept(&self) -> io::Result<(Wire, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Small packets that go out at once are what MQTT is made of. It fails for who has left.
                let _ = stream.set_nodelay(true);
                Ok((Wire::Tcp(stream), Peer::Address(address)))
            }
            Self::Unix(face) => {
                let (stream, _) = face.listener.accept().await?;
                let user = stream.peer_cred()?.uid();
                Ok((Wire::Unix(stream), Peer::Local { user }))
            }
        }
    }
}
