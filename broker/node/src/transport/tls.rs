//! TLS records to plain bytes and back, for a session whose handshake is over.

use std::io::{IoSlice, Read, Write};

use rustls::ServerConnection;

use crate::worker::ReadBuffer;

/// Why a TLS connection ends.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The peer sent something that is no valid record.
    #[error("TLS: {0}")]
    Protocol(#[from] rustls::Error),
    /// rustls refused bytes, or its buffers are inconsistent.
    #[error("TLS: {0}")]
    Io(#[from] std::io::Error),
    /// More plain bytes came out of one read than records can hold, or a record took less than a frame's head.
    #[error("TLS: records and their content do not fit together")]
    Overflow,
}

/// Plain bytes that rustls may hold before it wants them written out, in bytes: one record.
const PLAIN_CHUNK_BYTES_MAX: usize = 16 * 1024;

/// One TLS session after its handshake.
#[derive(Debug)]
pub struct Tls {
    session: ServerConnection,
}

impl Tls {
    /// Takes over a session whose handshake is complete.
    pub fn new(session: ServerConnection) -> Self {
        Self { session }
    }

    /// Turns bytes read from the socket into plain bytes, added to `plain`.
    ///
    /// Returns whether the peer has said that it will send no more (close_notify).
    ///
    /// # Errors
    /// A record that cannot be decrypted or parsed; an alert may then wait in [`Self::take_wire`].
    pub(crate) fn read(
        &mut self,
        mut wire: &[u8],
        plain: &mut ReadBuffer,
    ) -> Result<bool, TlsError> {
        let mut closed = false;
        while !wire.is_empty() && !closed {
            self.session.read_tls(&mut wire)?;
            let state = self.session.process_new_packets()?;
            closed = state.peer_has_closed();
            let ready = state.plaintext_bytes_to_read();
            let free = plain.free().get_mut(..ready).ok_or(TlsError::Overflow)?;
            self.session.reader().read_exact(free)?;
            plain.fill(ready);
        }
        Ok(closed)
    }

    /// Turns plain bytes into records, appended to `wire`.
    ///
    /// # Errors
    /// rustls refuses to encrypt (the session is broken).
    pub fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), TlsError> {
        for chunk in plain.chunks(PLAIN_CHUNK_BYTES_MAX) {
            self.session.writer().write_all(chunk)?;
            self.take_wire(wire)?;
        }
        Ok(())
    }

    /// As [`Self::write`], with a few bytes before the others in the same record.
    ///
    /// # Errors
    /// rustls refuses to encrypt (the session is broken).
    pub fn write_behind(
        &mut self,
        head: &[u8],
        plain: &[u8],
        wire: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        let first = plain.len().min(PLAIN_CHUNK_BYTES_MAX - head.len());
        let parts = [IoSlice::new(head), IoSlice::new(&plain[..first])];
        let taken = self.session.writer().write_vectored(&parts)?;
        self.take_wire(wire)?;
        let taken = taken.checked_sub(head.len()).ok_or(TlsError::Overflow)?;
        self.write(&plain[taken..], wire)
    }

    /// Appends what rustls itself wants to send (key updates, alerts) to `wire`.
    ///
    /// # Errors
    /// Never in practice: writing to a vector does not fail.
    pub fn take_wire(&mut self, wire: &mut Vec<u8>) -> Result<(), TlsError> {
        while self.session.wants_write() {
            self.session.write_tls(wire)?;
        }
        Ok(())
    }

    /// Asks for a close_notify to be among the next bytes of [`Self::take_wire`].
    pub fn close(&mut self) {
        self.session.send_close_notify();
    }
}
