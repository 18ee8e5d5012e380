//! Where something listens: a port on loopback, or an address in a cluster's own network.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// An address to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(pub SocketAddr);

impl Endpoint {
    /// Connects; a cut network is noticed after the limit.
    ///
    /// # Errors
    /// When nobody answers in time.
    pub fn dial(self, limit: Duration) -> Result<TcpStream> {
        let tcp = TcpStream::connect_timeout(&self.0, limit).with_context(|| self.to_string())?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    }

    /// Host, as other people's clients want it on their command line.
    pub fn host(self) -> String {
        self.0.ip().to_string()
    }

    /// Port, as other people's clients want it on their command line.
    pub fn port(self) -> String {
        self.0.port().to_string()
    }
}

impl From<u16> for Endpoint {
    fn from(port: u16) -> Self {
        Self((Ipv4Addr::LOCALHOST, port).into())
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
