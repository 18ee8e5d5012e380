//! One client's socket: bytes in, bytes out, never blocking.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Result, bail};

/// Who a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Publisher(usize),
    Subscriber(usize),
}

/// A connection of the loop.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) role: Role,
    /// The head of a packet whose end has not come yet.
    pub(super) partial: Vec<u8>,
    pub(super) out: Vec<u8>,
    /// Waits for the socket to take more.
    pub(super) blocked: bool,
    /// Has something to write in this turn.
    pub(super) dirty: bool,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, role: Role) -> Result<Self> {
        socket.set_nonblocking(true)?;
        let (partial, out) = (Vec::new(), Vec::new());
        Ok(Self {
            socket,
            role,
            partial,
            out,
            blocked: false,
            dirty: false,
        })
    }

    /// Reads once; nothing is there if it gives 0.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.socket.read(buffer) {
            Ok(0) => bail!("the broker closed {:?}", self.role),
            Ok(length) => Ok(length),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => bail!("{:?}: {error}", self.role),
        }
    }

    /// Writes once; says whether something is left.
    pub(super) fn flush(&mut self) -> Result<bool> {
        self.dirty = false;
        if self.out.is_empty() {
            return Ok(false);
        }
        match self.socket.write(&self.out) {
            Ok(length) if length == self.out.len() => self.out.clear(),
            Ok(length) => drop(self.out.drain(..length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => bail!("{:?}: {error}", self.role),
        }
        Ok(!self.out.is_empty())
    }
}
