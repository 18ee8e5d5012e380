//! A connection to a peer's port, with or without TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};

use super::limits::{HELLO_WAIT, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_WAIT, WINDOW_BYTES};
use super::socket::Socket;
use super::tls::PeerTls;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("{0} is no address of the form HOST:PORT")]
    Address(String),
    #[error(
        "it is not on this machine, and without certificates peers are connected over loopback only"
    )]
    Unprotected,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it does not answer in time")]
    Silent,
    #[error("{0}")]
    Http(String),
}

/// Connects; the host of `address` is also the name that the peer's certificate must have.
pub(crate) async fn connect(
    address: &str,
    tls: Option<&Arc<PeerTls>>,
) -> Result<Channel, ConnectError> {
    let socket = timeout(HELLO_WAIT, open(address, tls)).await;
    let socket = socket.map_err(|_| ConnectError::Silent)??;
    let uri = format!("http://{address}");
    let endpoint = Endpoint::from_shared(uri).map_err(|error| http(&error))?;
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_WAIT)
        .keep_alive_while_idle(true);
    // The socket is there already; a channel that wanted a second one would be a new connection to us.
    let mut once = Some(TokioIo::new(socket));
    let connector = tower::service_fn(move |_: Uri| {
        let socket = once.take();
        async move { socket.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)) }
    });
    let connecting = endpoint.connect_with_connector(connector);
    connecting.await.map_err(|error| http(&error))
}

async fn open(address: &str, tls: Option<&Arc<PeerTls>>) -> Result<Socket, ConnectError> {
    let (host, _) = address
        .rsplit_once(':')
        .ok_or_else(|| ConnectError::Address(address.to_owned()))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = dial(address, tls.is_some()).await?;
    stream.set_nodelay(true)?;
    match tls {
        None => Ok(Socket::Plain(stream)),
        Some(tls) => {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| ConnectError::Address(address.to_owned()))?;
            Ok(tls.connect(name, stream).await?)
        }
    }
}

/// The first of the host's addresses that answers.
async fn dial(address: &str, may_leave: bool) -> Result<TcpStream, ConnectError> {
    let candidates: Vec<SocketAddr> = lookup_host(address).await?.collect();
    if !may_leave && candidates.iter().any(|at| !at.ip().is_loopback()) {
        return Err(ConnectError::Unprotected);
    }
    Ok(TcpStream::connect(candidates.as_slice()).await?)
}

/// tonic's errors hide what they mean in their sources.
fn http(error: &dyn std::error::Error) -> ConnectError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    ConnectError::Http(text)
}
