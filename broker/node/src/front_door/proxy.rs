//! The PROXY header that a load balancer puts before a client's first byte, versions 1 and 2. Read only
//! from networks that the configuration trusts, and from those always: whoever may send one must, so that
//! nothing a client writes is ever taken for one.

mod header;

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::established::Peer;
use super::limits::PROXY_BYTES_MAX;
use crate::config::Network;
pub(super) use header::HeaderError;
use header::{V1_BYTES_MAX, V2_HEAD_BYTES};

/// Why a trusted proxy's connection is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The connection broke, or ended within the header (a health check does so).
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes are no header.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Whether a header stands before what this peer sends. Only somebody with access to a unix socket's file
/// can connect to it, so there the listener's word suffices.
pub(super) fn is_trusted(peer: Peer, networks: &[Network]) -> bool {
    match peer {
        Peer::Local { .. } => true,
        Peer::Address(address) => networks.iter().any(|network| network.holds(address.ip())),
    }
}

/// Reads exactly the header; `None` when the proxy speaks for itself. The caller sets the time.
pub(super) async fn read<S>(stream: &mut S) -> Result<Option<SocketAddr>, ProxyError>
where
    S: AsyncRead + Unpin,
{
    // Both versions are longer than the first 12 bytes, by which they differ.
    let mut bytes = vec![0; header::PREFIX_BYTES];
    stream.read_exact(&mut bytes).await?;
    if header::is_v2(&bytes) {
        read_v2(stream, bytes).await
    } else {
        read_v1(stream, bytes).await
    }
}

async fn read_v2<S>(stream: &mut S, mut bytes: Vec<u8>) -> Result<Option<SocketAddr>, ProxyError>
where
    S: AsyncRead + Unpin,
{
    bytes.resize(V2_HEAD_BYTES, 0);
    stream
        .read_exact(&mut bytes[header::PREFIX_BYTES..])
        .await?;
    let length = header::v2_length(&bytes)?;
    if length > PROXY_BYTES_MAX {
        return Err(HeaderError::TooLong.into());
    }
    bytes.resize(V2_HEAD_BYTES + length, 0);
    stream.read_exact(&mut bytes[V2_HEAD_BYTES..]).await?;
    Ok(header::parse_v2(&bytes)?)
}

/// Byte by byte, since nothing says how long the line is and what is behind it is not ours to take; it is
/// some 50 bytes, from a proxy that we trust.
async fn read_v1<S>(stream: &mut S, mut bytes: Vec<u8>) -> Result<Option<SocketAddr>, ProxyError>
where
    S: AsyncRead + Unpin,
{
    if !header::may_be_v1(&bytes) {
        return Err(HeaderError::Missing.into());
    }
    while !bytes.ends_with(b"\r\n") {
        if bytes.len() == V1_BYTES_MAX {
            return Err(HeaderError::TooLong.into());
        }
        bytes.push(stream.read_u8().await?);
    }
    Ok(header::parse_v1(&bytes)?)
}
