//! One connection's socket with its transport: the only place of a worker that reads and writes.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use super::output::{BufferPool, Output};
use super::read_buffer::{READ_BYTES_MAX, ReadBuffer};
use crate::transport::{Stream, Transport};

/// What a read came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadResult {
    /// So many plain bytes are in the buffer; `more` when the socket may have more right now.
    Bytes { count: usize, more: bool },
    /// Nothing there now.
    Empty,
    /// The peer is gone or broke the transport's rules.
    Ended,
}

/// What a write came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WriteResult {
    /// Everything is with the kernel.
    Done,
    /// The socket is full; go on when it is writable.
    Blocked,
    /// The peer is gone.
    Ended,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    transport: Transport,
    /// Records and frames that the socket did not take yet; empty for a plain transport.
    wire: Output,
}

impl Socket {
    pub(super) fn new(stream: Stream, transport: Transport) -> Self {
        Self {
            stream,
            transport,
            wire: Output::default(),
        }
    }

    /// What the poll knows it by.
    pub(super) fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Reads once from the socket; plain bytes are added to `buffer`, records pass through `scratch`.
    pub(super) fn read(&mut self, buffer: &mut ReadBuffer, scratch: &mut [u8]) -> ReadResult {
        if self.is_over() {
            return ReadResult::Ended;
        }
        let before = buffer.filled().len();
        let result = self.read_layers(buffer, scratch);
        let ReadResult::Bytes { mut more, .. } = result else {
            return result;
        };
        if let Some(websocket) = self.transport.websocket() {
            let plain = websocket.read(buffer.filled_from(before));
            buffer.truncate(before + plain);
            // What came before the end counts; the next read finds the end.
            more |= websocket.is_over();
        }
        ReadResult::Bytes {
            count: buffer.filled().len() - before,
            more,
        }
    }

    /// Reads what is below frames.
    fn read_layers(&mut self, buffer: &mut ReadBuffer, scratch: &mut [u8]) -> ReadResult {
        let Some(tls) = self.transport.tls() else {
            let result = read_once(&mut self.stream, &mut buffer.free()[..READ_BYTES_MAX]);
            if let ReadResult::Bytes { count, .. } = result {
                buffer.fill(count);
            }
            return result;
        };
        let result = read_once(&mut self.stream, scratch);
        let ReadResult::Bytes { count, more } = result else {
            return result;
        };
        let closed = tls.read(&scratch[..count], buffer);
        let queued = tls.take_wire(self.wire.unpooled());
        match (closed, queued) {
            // After a close_notify the next read finds the end of the stream; what came before it counts.
            (Ok(closed), Ok(())) => ReadResult::Bytes {
                count,
                more: more || closed,
            },
            (Err(_), _) | (_, Err(_)) => ReadResult::Ended,
        }
    }

    /// Writes what `output` holds.
    pub(super) fn write(&mut self, output: &mut Output, pool: &mut BufferPool) -> WriteResult {
        if matches!(self.transport, Transport::Plain) {
            return write_all(&mut self.stream, output, pool);
        }
        // Encode only when the last records are out, so that `wire` stays within one output's bound.
        if !self.wire.is_empty() {
            let result = write_all(&mut self.stream, &mut self.wire, pool);
            if result != WriteResult::Done {
                return result;
            }
        }
        let wire = self.wire.buffer(pool);
        if self.transport.write(output.pending(), wire).is_err() {
            return WriteResult::Ended;
        }
        output.advance(output.len(), pool);
        // Gives the buffer back also when there was nothing to say.
        self.wire.advance(0, pool);
        write_all(&mut self.stream, &mut self.wire, pool)
    }

    /// Whether the peer has said that nothing more comes, or has broken its transport's rules.
    pub(super) fn is_over(&mut self) -> bool {
        self.transport.websocket().is_some_and(|w| w.is_over())
    }

    /// Whether bytes of the transport's own wait to be written.
    pub(super) fn has_wire(&mut self) -> bool {
        !self.wire.is_empty() || self.transport.websocket().is_some_and(|w| w.has_pong())
    }

    /// Says goodbye on the transport's level.
    pub(super) fn close(&mut self, pool: &mut BufferPool) {
        if self.transport.close(self.wire.unpooled()).is_ok() {
            // Best effort: the connection ends either way.
            let _ = write_all(&mut self.stream, &mut self.wire, pool);
        }
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }
}

fn read_once(stream: &mut Stream, buffer: &mut [u8]) -> ReadResult {
    loop {
        match stream.read(buffer) {
            Ok(0) => return ReadResult::Ended,
            Ok(count) => {
                return ReadResult::Bytes {
                    count,
                    more: count == buffer.len(),
                };
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return ReadResult::Empty,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return ReadResult::Ended,
        }
    }
}

fn write_all(stream: &mut Stream, output: &mut Output, pool: &mut BufferPool) -> WriteResult {
    while !output.is_empty() {
        match stream.write(output.pending()) {
            Ok(0) => return WriteResult::Ended,
            Ok(count) => output.advance(count, pool),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return WriteResult::Blocked,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return WriteResult::Ended,
        }
    }
    WriteResult::Done
}
