//! One stranger from accept to hand-over: handshake, first packet, login, each with its time.
//!
//! Whatever goes wrong ends this connection and no other.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::server::TlsStream;

use super::connack::Refusal;
use super::connect::{FirstBytes, ReadError, read_first};
use super::established::{ConnectionSlot, Established, Handover, Peer};
use super::limits::{LOGIN_SECONDS_MAX, REFUSE_SECONDS_MAX};
use super::login::{Clerk, Login, UNAVAILABLE};
use super::proxy::{self, ProxyError};
use super::tls::{self, TlsFace};
use super::websocket::{self, UpgradeError, Upgraded};
use super::wire::Wire;
use crate::config::Network;
use crate::metrics::FrontDoorCounters;
use crate::transport::WebSocket;

/// What all strangers share.
pub(super) struct Lobby {
    pub(super) clerk: Clerk,
    pub(super) handover: Arc<dyn Handover>,
    pub(super) counters: Arc<FrontDoorCounters>,
}

/// What a listener has its strangers do before MQTT begins.
#[derive(Debug, Clone)]
pub(super) struct Approach {
    /// Networks that send a PROXY header first; `None` believes nobody.
    pub(super) proxies: Option<Arc<[Network]>>,
    pub(super) tls: Option<Arc<TlsFace>>,
    pub(super) websocket: bool,
}

/// A connection just accepted.
pub(super) struct Stranger {
    pub(super) wire: Wire,
    pub(super) peer: Peer,
    pub(super) slot: ConnectionSlot,
}

/// A connection taken apart again after its login.
struct Layers {
    wire: Wire,
    tls: Option<Box<rustls::ServerConnection>>,
    websocket: Option<Box<WebSocket>>,
    leftover: Vec<u8>,
}

/// Why a stranger did not get in.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("PROXY header: {0}")]
    Proxy(#[from] ProxyError),
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
    #[error("WebSocket upgrade: {0}")]
    Upgrade(#[from] UpgradeError),
    #[error("{0} took too long")]
    Late(&'static str),
    #[error(transparent)]
    FirstPacket(#[from] ReadError),
    #[error("refused with {:?}: {}", .0.reason, .0.words)]
    Refused(Refusal),
    #[error("hand-over: {0}")]
    HandOver(io::Error),
}

impl Lobby {
    /// Deals with a stranger to its end.
    pub(super) async fn receive(&self, stranger: Stranger, approach: Approach) {
        let accepted = Instant::now();
        let peer = stranger.peer;
        match self.let_in(stranger, &approach).await {
            Ok(established) => {
                let micros = u64::try_from(accepted.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.counters.login_micros.record_shared(micros);
                self.counters.established.add_shared(1);
                tracing::debug!(peer = %established.peer, client_id = ?established.connect.client_id, "connected");
                self.handover.hand_over(established);
            }
            Err(end) => {
                self.count(&end);
                tracing::debug!(%peer, "closed: {end}");
            }
        }
    }

    async fn let_in(&self, stranger: Stranger, approach: &Approach) -> Result<Established, End> {
        let Stranger {
            mut wire,
            mut peer,
            slot,
        } = stranger;
        // One time for all that comes before MQTT.
        let deadline = Instant::now() + self.clerk.limits.handshake_max;
        if let Some(networks) = &approach.proxies
            && proxy::is_trusted(peer, networks)
        {
            let read = in_time(deadline, "the PROXY header", proxy::read(&mut wire)).await?;
            peer = read?.map_or(peer, Peer::Address);
        }
        let (login, layers) = match (&approach.tls, approach.websocket) {
            (None, false) => self.receive_plain(wire).await?,
            (Some(tls), false) => self.receive_tls(wire, tls, deadline).await?,
            (None, true) => self.receive_websocket(wire, deadline).await?,
            (Some(tls), true) => self.receive_secure_websocket(wire, tls, deadline).await?,
        };
        let Login {
            options,
            connack,
            username,
            claim,
        } = login;
        let stream = layers.wire.into_stream().map_err(End::HandOver)?;
        let claimed = claim
            .take()
            .expect("a login holds its claim until it is taken");
        Ok(Established {
            stream,
            tls: layers.tls,
            websocket: layers.websocket,
            leftover: layers.leftover,
            connack,
            connect: options,
            claimed,
            peer,
            username,
            slot,
        })
    }

    async fn receive_plain(&self, mut wire: Wire) -> Result<(Login, Layers), End> {
        let (login, first) = self.talk(&mut wire).await?;
        let layers = Layers {
            wire,
            tls: None,
            websocket: None,
            leftover: first.into_leftover(),
        };
        Ok((login, layers))
    }

    async fn receive_tls(
        &self,
        wire: Wire,
        tls: &TlsFace,
        deadline: Instant,
    ) -> Result<(Login, Layers), End> {
        let mut stream = handshake(wire, tls, deadline).await?;
        let (login, first) = self.talk(&mut *stream).await?;
        let mut leftover = first.into_leftover();
        let (wire, session) = tls::take_apart(*stream, &mut leftover).map_err(End::HandOver)?;
        let layers = Layers {
            wire,
            tls: Some(session),
            websocket: None,
            leftover,
        };
        Ok((login, layers))
    }

    async fn receive_websocket(
        &self,
        wire: Wire,
        deadline: Instant,
    ) -> Result<(Login, Layers), End> {
        let upgraded = in_time(deadline, "the WebSocket upgrade", websocket::upgrade(wire)).await?;
        let mut stream = upgraded?;
        let (login, first) = self.talk_in_frames(&mut stream).await?;
        let mut leftover = first.into_leftover();
        let (wire, websocket) = stream.take_apart(&mut leftover);
        let layers = Layers {
            wire,
            tls: None,
            websocket: Some(websocket),
            leftover,
        };
        Ok((login, layers))
    }

    async fn receive_secure_websocket(
        &self,
        wire: Wire,
        tls: &TlsFace,
        deadline: Instant,
    ) -> Result<(Login, Layers), End> {
        let stream = handshake(wire, tls, deadline).await?;
        let upgraded = websocket::upgrade(stream);
        let mut stream = in_time(deadline, "the WebSocket upgrade", upgraded).await??;
        let (login, first) = self.talk_in_frames(&mut stream).await?;
        let mut leftover = first.into_leftover();
        let (stream, mut websocket) = stream.take_apart(&mut leftover);
        let mut decrypted = Vec::new();
        let (wire, session) = tls::take_apart(*stream, &mut decrypted).map_err(End::HandOver)?;
        let plain = websocket.read(&mut decrypted);
        leftover.extend_from_slice(&decrypted[..plain]);
        let layers = Layers {
            wire,
            tls: Some(session),
            websocket: Some(websocket),
            leftover,
        };
        Ok((login, layers))
    }

    /// As [`Self::talk`]; a client that does not get in gets a close frame, so that it need not guess.
    async fn talk_in_frames<S>(&self, stream: &mut Upgraded<S>) -> Result<(Login, FirstBytes), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let talked = self.talk(stream).await;
        if talked.is_err() {
            // The connection ends either way.
            let _ = timeout(REFUSE_SECONDS_MAX, stream.shutdown()).await;
        }
        talked
    }

    /// Reads CONNECT and logs in; a refusal is told to the client here.
    async fn talk<S>(&self, stream: &mut S) -> Result<(Login, FirstBytes), End>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let first = match timeout(
            self.clerk.limits.connect_max,
            read_first(stream, &self.clerk.limits),
        )
        .await
        {
            Ok(Ok(first)) => first,
            Ok(Err(error)) => {
                if let ReadError::NotConnect(error) = &error
                    && let Some((version, reason)) = error.refusal()
                {
                    refuse(stream, Refusal { reason, words: "" }, version, u32::MAX).await;
                }
                return Err(error.into());
            }
            Err(_) => return Err(End::Late("CONNECT")),
        };
        let connect = first.connect().map_err(ReadError::NotConnect)?;
        let login = timeout(LOGIN_SECONDS_MAX, self.clerk.log_in(&connect)).await;
        match login.unwrap_or(Err(UNAVAILABLE)) {
            Ok(login) => Ok((login, first)),
            Err(refusal) => {
                let bytes_max = connect
                    .properties
                    .maximum_packet_bytes
                    .map_or(u32::MAX, u32::from);
                refuse(stream, refusal, connect.version, bytes_max).await;
                Err(End::Refused(refusal))
            }
        }
    }

    fn count(&self, end: &End) {
        use quorate_codec::ReasonCode::{BadUserNameOrPassword, NotAuthorized};
        let counters = &self.counters;
        let counter = match end {
            End::Proxy(_) | End::Handshake(_) | End::Upgrade(_) => &counters.handshake_failed,
            End::Late(_) | End::FirstPacket(_) => &counters.not_mqtt,
            End::Refused(refusal)
                if matches!(refusal.reason, BadUserNameOrPassword | NotAuthorized) =>
            {
                &counters.not_authorized
            }
            End::Refused(_) | End::HandOver(_) => &counters.refused,
        };
        counter.add_shared(1);
    }
}

/// Boxed, so that the future of a plain connection does not have its size.
async fn handshake(
    wire: Wire,
    tls: &TlsFace,
    deadline: Instant,
) -> Result<Box<TlsStream<Wire>>, End> {
    let accepted = in_time(deadline, "the TLS handshake", Box::pin(tls.accept(wire))).await?;
    accepted.map(Box::new).map_err(End::Handshake)
}

async fn in_time<T>(
    deadline: Instant,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, End> {
    timeout_at(deadline, work)
        .await
        .map_err(|_| End::Late(what))
}

/// Tells the client why, if it listens, and closes behind it.
async fn refuse<S: AsyncWrite + Unpin>(
    stream: &mut S,
    refusal: Refusal,
    version: quorate_codec::Version,
    packet_bytes_max: u32,
) {
    let Ok(bytes) = refusal.encode(version, packet_bytes_max) else {
        return;
    };
    if bytes.len() > packet_bytes_max as usize {
        return;
    }
    let write = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    };
    // The connection ends either way: a client that does not listen misses only the reason.
    let _ = timeout(REFUSE_SECONDS_MAX, write).await;
}
