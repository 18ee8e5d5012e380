//! Strangers, on tokio: from an accepted socket to an established connection that a worker takes.
//!
//! `ear` (listen) → `gate` (limits) → `proxy` (header of a trusted proxy) → `tls` (handshake) → `websocket`
//! (upgrade) → `connect` (first packet) → `login` (authenticate, claim, close the earlier connection) →
//! [`Established`] → [`Handover`]. What is established is none of its business.

mod connack;
mod connect;
mod ear;
mod established;
mod gate;
mod limits;
mod login;
mod proxy;
mod stranger;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod unix;
mod websocket;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

pub use crate::tls_files::TlsFilesError;
pub use ear::ListenError;
pub use established::*;
pub use tcp::BindError;
pub use unix::UnixBindError;

use crate::auth::Authenticator;
use crate::config::{Limits, Listener, Network, Place};
use crate::metrics::FrontDoorCounters;
use crate::shutdown::Shutdown;
pub(crate) use tcp::bind as bind_listener;

/// Why the front door cannot open.
#[derive(Debug, thiserror::Error)]
pub enum FrontDoorError {
    /// A listener's address or path.
    #[error(transparent)]
    Listen(#[from] ListenError),
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
    /// Networks whose PROXY headers are believed, on listeners that ask for them.
    pub proxies: Vec<Network>,
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
    gate: Arc<gate::Gate>,
    lobby: Arc<stranger::Lobby>,
}

/// One listener.
struct Face {
    url: String,
    ear: ear::Ear,
    approach: stranger::Approach,
}

impl FrontDoor {
    /// Reads certificates and opens all sockets, or none. Must run on the runtime.
    ///
    /// # Errors
    /// The first listener that cannot be opened, with what to do.
    pub fn open(listeners: &[Listener], parts: FrontDoorParts) -> Result<Self, FrontDoorError> {
        let FrontDoorParts {
            limits,
            proxies,
            auth,
            sessions,
            handover,
            counters,
            provider,
        } = parts;
        let proxies: Arc<[Network]> = proxies.into();
        let open = |listener| Face::open(listener, &proxies, &provider);
        let faces = listeners.iter().map(open).collect::<Result<_, _>>()?;
        gate::raise_descriptor_limit(limits.connections_max);
        let gate = Arc::new(gate::Gate::new(&limits));
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

    /// The URL of each listener; the port is the real one where 0 was asked for.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.faces.iter().map(|face| face.url.as_str())
    }

    /// Addresses of the listeners that are on the network.
    ///
    /// # Errors
    /// The operating system does not tell one.
    pub fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        let addresses = self.faces.iter().map(|face| face.ear.address());
        addresses.filter_map(Result::transpose).collect()
    }

    /// Accepts until the end comes. Strangers that are on their way in are then dropped, established
    /// connections are the workers'.
    pub async fn run(self, mut shutdown: Shutdown) {
        let mut tasks = JoinSet::new();
        let tls: Vec<_> = self
            .faces
            .iter()
            .filter_map(|face| face.approach.tls.clone())
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
    fn open(
        listener: &Listener,
        proxies: &Arc<[Network]>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, FrontDoorError> {
        let tls = match &listener.tls {
            None => None,
            Some(files) => {
                let tls = tls::TlsFace::new(files.clone(), Arc::clone(provider));
                Some(Arc::new(tls.map_err(|source| FrontDoorError::Tls {
                    url: url(listener, listener.address()),
                    source: Box::new(source),
                })?))
            }
        };
        let ear = ear::Ear::open(listener)?;
        Ok(Self {
            url: url(listener, ear.address()?),
            ear,
            approach: stranger::Approach {
                proxies: listener.proxied.then(|| Arc::clone(proxies)),
                tls,
                websocket: listener.websocket,
            },
        })
    }

    async fn accept_all(self, gate: Arc<gate::Gate>, lobby: Arc<stranger::Lobby>) {
        let mut strangers = JoinSet::new();
        loop {
            // Those who have left are taken off the list: it is bounded by the places of the gate.
            while strangers.try_join_next().is_some() {}
            let place = gate.admit().await;
            let (wire, peer) = match self.ear.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(listener = %self.url, "accept: {error}");
                    tokio::time::sleep(limits::ACCEPT_PAUSE).await;
                    continue;
                }
            };
            lobby.counters.accepted.add_shared(1);
            let Some(slot) = gate.slot() else {
                lobby.counters.over_limit.add_shared(1);
                wire.close_hard();
                continue;
            };
            let stranger = stranger::Stranger {
                wire,
                peer,
                slot: ConnectionSlot::new(slot),
            };
            let (lobby, approach) = (Arc::clone(&lobby), self.approach.clone());
            strangers.spawn(async move {
                lobby.receive(stranger, approach).await;
                drop(place);
            });
        }
    }
}

fn url(listener: &Listener, address: Option<SocketAddr>) -> String {
    let scheme = listener.scheme();
    match (&listener.place, address) {
        (Place::Path { path, .. }, _) => format!("{scheme}:{}", path.display()),
        (Place::Address(_), Some(bound)) => format!("{scheme}://{bound}"),
        (Place::Address(address), None) => format!("{scheme}://{address}"),
    }
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
