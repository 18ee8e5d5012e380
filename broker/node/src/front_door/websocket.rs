//! WebSocket for strangers: the upgrade, and frames around a first packet. Established bytes are the
//! worker's, which goes on with the same [`WebSocket`] state.

mod request;
mod upgrade;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::WebSocket;
pub(super) use upgrade::{UpgradeError, upgrade};

/// A stream that has been upgraded: reads give the payload of frames, writes put frames around bytes.
#[derive(Debug)]
pub(super) struct Upgraded<S> {
    stream: S,
    websocket: Box<WebSocket>,
    /// Bytes that came right behind the request, not read yet.
    early: Vec<u8>,
    /// Frames that the stream did not take yet.
    wire: Vec<u8>,
}

impl<S> Upgraded<S> {
    fn new(stream: S, early: Vec<u8>) -> Self {
        Self {
            stream,
            websocket: Box::default(),
            early,
            wire: Vec::new(),
        }
    }

    /// The stream and the state of its frames; payload that was not read yet is appended to `leftover`.
    pub(super) fn take_apart(mut self, leftover: &mut Vec<u8>) -> (S, Box<WebSocket>) {
        let plain = self.websocket.read(&mut self.early);
        leftover.extend_from_slice(&self.early[..plain]);
        (self.stream, self.websocket)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Upgraded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let start = buffer.filled().len();
        while buffer.remaining() > 0 && !this.websocket.is_over() {
            if this.early.is_empty() {
                ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            } else {
                let count = this.early.len().min(buffer.remaining());
                buffer.put_slice(&this.early[..count]);
                this.early.drain(..count);
            }
            let fresh = &mut buffer.filled_mut()[start..];
            let ended = fresh.is_empty();
            let plain = this.websocket.read(fresh);
            buffer.set_filled(start + plain);
            if plain > 0 || ended {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Upgraded<S> {
    fn poll_wire(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.wire.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.wire))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wire.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

/// Used for refusals only, which are small: a frame is kept until the stream has taken it.
impl<S: AsyncWrite + Unpin> AsyncWrite for Upgraded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_wire(context))?;
        let (head, length) = WebSocket::frame(bytes.len());
        this.wire.extend_from_slice(&head[..length]);
        this.wire.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_wire(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Once: it appends nothing when it is called again.
        this.websocket.close(&mut this.wire);
        ready!(this.poll_wire(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}
