//! Established bytes to plain bytes and back. No I/O of its own: the worker's event loop reads and
//! writes the socket, a transport only turns what was read or is to be written.

mod stream;
mod tls;
mod websocket;

pub use stream::Stream;
pub use tls::{Tls, TlsError};
pub use websocket::WebSocket;

/// How a connection's bytes look on the wire. Whatever is not plain is boxed, since a plain connection
/// should not pay for its size.
#[derive(Debug)]
pub enum Transport {
    /// Bytes on the wire are MQTT.
    Plain,
    /// TLS records.
    Tls(Box<Tls>),
    /// WebSocket frames.
    WebSocket(Box<WebSocket>),
    /// WebSocket frames in TLS records.
    SecureWebSocket(Box<(Tls, WebSocket)>),
}

impl Transport {
    /// The layers of a connection that the front door took in.
    pub(crate) fn new(
        tls: Option<Box<rustls::ServerConnection>>,
        websocket: Option<Box<WebSocket>>,
    ) -> Self {
        match (tls, websocket) {
            (None, None) => Self::Plain,
            (Some(session), None) => Self::Tls(Box::new(Tls::new(*session))),
            (None, Some(websocket)) => Self::WebSocket(websocket),
            (Some(session), Some(websocket)) => {
                Self::SecureWebSocket(Box::new((Tls::new(*session), *websocket)))
            }
        }
    }

    /// The TLS session, if there is one.
    pub(crate) fn tls(&mut self) -> Option<&mut Tls> {
        match self {
            Self::Plain | Self::WebSocket(_) => None,
            Self::Tls(tls) => Some(tls),
            Self::SecureWebSocket(both) => Some(&mut both.0),
        }
    }

    /// The framing, if there is one.
    pub(crate) fn websocket(&mut self) -> Option<&mut WebSocket> {
        match self {
            Self::Plain | Self::Tls(_) => None,
            Self::WebSocket(websocket) => Some(websocket),
            Self::SecureWebSocket(both) => Some(&mut both.1),
        }
    }

    /// Turns plain bytes, and what the layers themselves have to say, into bytes of the wire.
    ///
    /// # Errors
    /// rustls refuses to encrypt.
    pub(crate) fn write(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), TlsError> {
        match self {
            Self::Plain => wire.extend_from_slice(plain),
            Self::Tls(tls) => tls.write(plain, wire)?,
            Self::WebSocket(websocket) => {
                websocket.take_pong(wire);
                if !plain.is_empty() {
                    let (head, length) = WebSocket::frame(plain.len());
                    wire.extend_from_slice(&head[..length]);
                    wire.extend_from_slice(plain);
                }
            }
            Self::SecureWebSocket(both) => {
                let (tls, websocket) = &mut **both;
                if websocket.has_pong() {
                    let mut pong = Vec::new();
                    websocket.take_pong(&mut pong);
                    tls.write(&pong, wire)?;
                }
                if !plain.is_empty() {
                    let (head, length) = WebSocket::frame(plain.len());
                    tls.write_behind(&head[..length], plain, wire)?;
                }
            }
        }
        Ok(())
    }

    /// Appends the layers' good-byes.
    ///
    /// # Errors
    /// rustls refuses to encrypt.
    pub(crate) fn close(&mut self, wire: &mut Vec<u8>) -> Result<(), TlsError> {
        let mut goodbye = Vec::new();
        if let Some(websocket) = self.websocket() {
            websocket.close(&mut goodbye);
        }
        match self.tls() {
            None => wire.append(&mut goodbye),
            Some(tls) => {
                tls.write(&goodbye, wire)?;
                tls.close();
                tls.take_wire(wire)?;
            }
        }
        Ok(())
    }
}
