//! Sockets that listen on the network.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::limits::BACKLOG_CONNECTIONS_MAX;

/// A listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {scheme}://{address}: {source}{hint}")]
pub struct BindError {
    scheme: &'static str,
    address: SocketAddr,
    hint: &'static str,
    source: io::Error,
}

/// Opens a listening socket; must run on the runtime. `scheme` is for the error.
pub(crate) fn bind(scheme: &'static str, address: SocketAddr) -> Result<TcpListener, BindError> {
    open(address).map_err(|source| BindError {
        scheme,
        address,
        hint: hint(&source),
        source,
    })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restart must not wait for the last life's connections to time out in the kernel.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `[::]` means IPv6; who wants both says both, so that neither is a surprise.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG_CONNECTIONS_MAX)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::AddrInUse {
        "; another process listens there: stop it, or choose another port"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        "; this machine has no such address: 0.0.0.0 listens on all it has"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_in_use_is_named_with_what_to_do() {
        let first = bind("mqtt", "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let error = bind("mqtt", address).unwrap_err().to_string();
        assert!(error.contains(&format!("mqtt://{address}")), "{error}");
        assert!(error.contains("choose another port"), "{error}");
    }
}
