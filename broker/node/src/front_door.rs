//! Strangers, on tokio: from an accepted socket to an established connection that a worker takes.
//!
//! `tcp` (listen, limits) → `tls` (handshake) → `connect` (first packet) → `login` (authenticate, claim,
//! close the earlier connection) → [`Established`] → [`Handover`]. WebSocket, PROXY and unix sockets get
//! a file each beside `tls`, and a variant of [`Listener`]. What is established is none of its business.

mod connack;
mod connect;
mod established;
mod limits;
mod login;
mod stranger;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

pub use crate::tls_files::TlsFilesError;
pub use established::*;
pub use tcp::BindError;

use crate::auth::Authenticator;
use crate::config::{Limits, Listener};
use crate::metrics::FrontDoorCounters;
use crate::shutdown::Shutdown;
pub(crate) use tcp::bind as bind_listener;

/// Why the front door cannot open.
#[derive(Debug, thiserror::Error)]
pub enum FrontDoorError {
    /// A listener's address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A listener's certificate, key or client CA.
    #[error("listener {url}: {source}")]
    Tls {
        /// The listener.
        url: String,
        /// What is wrong with which file.
        source: Box<TlsFilesError>,
    },
    /// The operating system does not tell an address or watches no signal.
    #[error("front door: {0}")]
    Io(#[from] std::io::Error),
}

/// Everything the front door needs of the node.
#[allow(missing_debug_implementations, reason = "trait objects")]
pub struct FrontDoorParts {
    /// Bounds.
    pub limits: Limits,
    /// Who may log in.
    pub auth: Arc<Authenticator>,
    /// The session directory.
    pub sessions: Arc<dyn Sessions>,
    /// Who takes established connections.
    pub handover: Arc<dyn Handover>,
    /// What to count.
    pub counters: Arc<FrontDoorCounters>,
    /// The one crypto provider of the process.
    pub provider: Arc<CryptoProvider>,
}

/// Listening sockets and everything behind them. Nothing is accepted before [`Self::run`].
#[allow(missing_debug_implementations, reason = "trait objects")]
pub struct FrontDoor {
    faces: Vec<Face>,
    auth: Arc<Authenticator>,
    gate: Arc<tcp::Gate>,
    lobby: Arc<stranger::Lobby>,
}

/// One listener.
struct Face {
    scheme: &'static str,
    address: SocketAddr,
    listener: TcpListener,
    tls: Option<Arc<tls::TlsFace>>,
}

impl FrontDoor {
    /// Reads certificates and opens all sockets, or none. Must run on the runtime.
    ///
    /// # Errors
    /// The first listener that cannot be opened, with what to do.
    pub fn open(listeners: &[Listener], parts: FrontDoorParts) -> Result<Self, FrontDoorError> {
        let mut faces = Vec::with_capacity(listeners.len());
        for listener in listeners {
            faces.push(Face::open(listener, &parts.provider)?);
        }
        let FrontDoorParts {
            limits,
            auth,
            sessions,
            handover,
            counters,
            provider,
        } = parts;
        tcp::raise_descriptor_limit(limits.connections_max);
        let gate = Arc::new(tcp::Gate::new(&limits));
        let clerk = login::Clerk {
            limits,
            auth: Arc::clone(&auth),
            sessions,
            random: provider.secure_random,
        };
        let lobby = Arc::new(stranger::Lobby {
            clerk,
            handover,
            counters,
        });
        Ok(Self {
            faces,
            auth,
            gate,
            lobby,
        })
    }

    /// Scheme and address of each listener; the port is the real one where 0 was asked for.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.faces.iter().map(|face| (face.scheme, face.address))
    }

    /// Accepts until the end comes. Strangers that are on their way in are then dropped, established
    /// connections are the workers'.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut tasks = JoinSet::new();
        let tls: Vec<_> = self
            .faces
            .iter()
            .filter_map(|face| face.tls.clone())
            .collect();
        tasks.spawn(reload(self.auth, tls));
        for face in self.faces {
            tasks.spawn(face.accept_all(Arc::clone(&self.gate), Arc::clone(&self.lobby)));
        }
        shutdown.wait().await;
        tasks.shutdown().await;
    }
}

impl Face {
    fn open(listener: &Listener, provider: &Arc<CryptoProvider>) -> Result<Self, FrontDoorError> {
        let scheme = listener.scheme();
        let tls = match listener {
            Listener::Plain { .. } => None,
            Listener::Tls { address, files } => {
                let tls = tls::TlsFace::new(files.clone(), Arc::clone(provider));
                Some(Arc::new(tls.map_err(|source| FrontDoorError::Tls {
                    url: format!("{scheme}://{address}"),
                    source: Box::new(source),
                })?))
            }
        };
        let listener = tcp::bind(scheme, listener.address())?;
        Ok(Self {
            scheme,
            address: listener.local_addr()?,
            listener,
            tls,
        })
    }

    async fn accept_all(self, gate: Arc<tcp::Gate>, lobby: Arc<stranger::Lobby>) {
        let mut strangers = JoinSet::new();
        loop {
            // Those who have left are taken off the list: it is bounded by the places of the gate.
            while strangers.try_join_next().is_some() {}
            let place = gate.admit().await;
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(listener = %self.address, "accept: {error}");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                    continue;
                }
            };
            lobby.counters.accepted.add_shared(1);
            let Some(slot) = gate.slot() else {
                lobby.counters.over_limit.add_shared(1);
                close_hard(stream);
                continue;
            };
            let stranger = stranger::Stranger {
                stream,
                peer,
                slot: ConnectionSlot::new(slot),
            };
            let (lobby, tls) = (Arc::clone(&lobby), self.tls.clone());
            strangers.spawn(async move {
                lobby.receive(stranger, tls.as_deref()).await;
                drop(place);
            });
        }
    }
}

/// Closes with a reset: one connection too many must not leave state in the kernel either.
fn close_hard(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    // If it fails, an ordinary close follows.
    let _ = socket.set_linger(Some(std::time::Duration::ZERO));
}

/// Looks at password file and certificates now and then, and at once on SIGHUP.
async fn reload(auth: Arc<Authenticator>, tls: Vec<Arc<tls::TlsFace>>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            tracing::warn!("SIGHUP cannot be watched: {error}");
            None
        }
    };
    let mut ticks = tokio::time::interval(limits::RELOAD_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = next_hangup(&mut hangup) => {}
        }
        let (auth, tls) = (Arc::clone(&auth), tls.clone());
        let look = tokio::task::spawn_blocking(move || {
            auth.reload_if_changed();
            tls.iter().for_each(|face| face.reload_if_changed());
        });
        if let Err(error) = look.await {
            tracing::error!("reading changed files: {error}");
        }
    }
}

async fn next_hangup(hangup: &mut Option<tokio::signal::unix::Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}
