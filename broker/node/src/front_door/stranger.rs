//! One stranger from accept to hand-over: handshake, first packet, login, each with its time.
//!
//! Whatever goes wrong ends this connection and no other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;

use super::connack::Refusal;
use super::connect::{FirstBytes, ReadError, read_first};
use super::established::{ConnectionSlot, Established, Handover};
use super::limits::{LOGIN_SECONDS_MAX, REFUSE_SECONDS_MAX};
use super::login::{Clerk, Login, UNAVAILABLE};
use super::tls::{self, TlsFace};
use crate::metrics::FrontDoorCounters;

/// What all strangers share.
pub(super) struct Lobby {
    pub(super) clerk: Clerk,
    pub(super) handover: Arc<dyn Handover>,
    pub(super) counters: Arc<FrontDoorCounters>,
}

/// A connection just accepted.
pub(super) struct Stranger {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) slot: ConnectionSlot,
}

/// Why a stranger did not get in.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("TLS handshake: {0}")]
    Handshake(io::Error),
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
    /// Deals with a stranger to its end. `tls` is the listener's, if it has one.
    pub(super) async fn receive(&self, stranger: Stranger, tls: Option<&TlsFace>) {
        let accepted = Instant::now();
        let peer = stranger.peer;
        match self.let_in(stranger, tls).await {
            Ok(established) => {
                let micros = u64::try_from(accepted.elapsed().as_micros()).unwrap_or(u64::MAX);
                self.counters.login_micros.record_shared(micros);
                self.counters.established.add_shared(1);
                tracing::debug!(%peer, client_id = ?established.connect.client_id, "connected");
                self.handover.hand_over(established);
            }
            Err(end) => {
                self.count(&end);
                tracing::debug!(%peer, "closed: {end}");
            }
        }
    }

    async fn let_in(&self, stranger: Stranger, tls: Option<&TlsFace>) -> Result<Established, End> {
        let Stranger {
            mut stream,
            peer,
            slot,
        } = stranger;
        // Small packets that go out at once are what MQTT is made of.
        stream.set_nodelay(true).map_err(End::HandOver)?;
        let (login, stream, session, leftover) = match tls {
            None => {
                let (login, first) = self.talk(&mut stream).await?;
                (login, stream, None, first.into_leftover())
            }
            Some(tls) => {
                let mut stream = self.handshake(stream, tls).await?;
                let (login, first) = self.talk(&mut *stream).await?;
                let mut leftover = first.into_leftover();
                let (stream, session) =
                    tls::take_apart(*stream, &mut leftover).map_err(End::HandOver)?;
                (login, stream, Some(session), leftover)
            }
        };
        let stream = stream.into_std().map_err(End::HandOver)?;
        let Login {
            options,
            connack,
            username,
            claim,
        } = login;
        let claimed = claim
            .take()
            .expect("a login holds its claim until it is taken");
        Ok(Established {
            stream,
            tls: session,
            leftover,
            connack,
            connect: options,
            claimed,
            peer,
            username,
            slot,
        })
    }

    /// Boxed, so that the future of a plain connection does not have its size.
    async fn handshake(
        &self,
        stream: TcpStream,
        tls: &TlsFace,
    ) -> Result<Box<TlsStream<TcpStream>>, End> {
        match timeout(
            self.clerk.limits.handshake_max,
            Box::pin(tls.accept(stream)),
        )
        .await
        {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(End::Handshake(error)),
            Err(_) => Err(End::Late("the TLS handshake")),
        }
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
            End::Handshake(_) => &counters.handshake_failed,
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
