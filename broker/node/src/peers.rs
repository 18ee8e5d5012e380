//! Streams to and from the other nodes of the cluster: three lanes per peer, frames in bounded queues,
//! calls with deadlines. Knows what a frame is for only as far as finding its handler.

mod error;
mod handlers;
mod kind;
mod state;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_control::{Incarnation, NodeId};
use quorate_proto::peer::{JoinAnswer, JoinRequest};
use tokio::sync::watch;

pub use error::{CallError, JoinError, ListenError, Refusal, SendError};
pub use handlers::{Handler, JoinHandler, Replier, Sender};
pub use kind::{Block, Kind, Lane};
pub use state::{Identity, PeerAddress, PeerState, PeersState};

use handlers::Handlers;

/// Certificate, key and CA of the peers, as files in PEM. Read again when they change.
#[derive(Debug, Clone)]
pub struct PeerTlsFiles {
    /// This node's certificate chain; it serves both directions.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The CA that signs every peer's certificate.
    pub ca: PathBuf,
}

/// The peers' TLS: made once per node, shared by the listener, the dialler and [`join`].
#[derive(Debug)]
pub struct PeerTls {}

/// What a call's answer is given to.
pub type Done = Box<dyn FnOnce(Result<Bytes, CallError>) + Send>;

/// All peers of this node. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    handlers: Handlers,
    state: watch::Sender<PeersState>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Peers")
            .field(&*self.0.state.borrow())
            .finish()
    }
}

impl Peers {
    /// No peers yet, no identity and no port. Without `tls` everything stays on loopback.
    ///
    /// # Panics
    ///
    /// There is no runtime around the call.
    pub fn new(_tls: Option<Arc<PeerTls>>) -> Self {
        Self(Arc::new(Inner {
            handlers: Handlers::default(),
            state: watch::Sender::default(),
        }))
    }

    /// Says who this node is; until then it dials nobody and refuses every stream. Called again with a
    /// higher incarnation when the control group has given this life its number.
    pub fn set_identity(&self, _identity: Identity) {}

    /// Opens the port; `0` takes a free one. The address that was taken.
    ///
    /// # Errors
    ///
    /// The address is not loopback and there are no certificates, or it cannot be bound.
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        Ok(address)
    }

    /// Frames of this block go to `handler`. Frames that come before are refused.
    ///
    /// # Panics
    ///
    /// The block has a handler.
    pub fn register(&self, block: Block, handler: Arc<dyn Handler>) {
        self.0.handlers.register(block, handler);
    }

    /// Answers Join calls; until then they are refused.
    ///
    /// # Panics
    ///
    /// There is a handler.
    pub fn register_join(&self, handler: Arc<dyn JoinHandler>) {
        let taken = self.0.handlers.join.set(handler).is_err();
        assert!(!taken, "joining has a handler already");
    }

    /// Queues a frame to a peer. What the peer does with it is not known; it may be lost with the stream.
    ///
    /// # Errors
    ///
    /// It is not queued.
    pub fn send(
        &self,
        _to: NodeId,
        _lane: Lane,
        _kind: Kind,
        _body: Bytes,
    ) -> Result<(), SendError> {
        Err(SendError::Down)
    }

    /// Calls a peer and waits for the answer.
    ///
    /// # Errors
    ///
    /// No answer; see [`CallError`] for whether the peer may have done it.
    pub async fn call(
        &self,
        to: NodeId,
        lane: Lane,
        kind: Kind,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Bytes, CallError> {
        let (told, answer) = tokio::sync::oneshot::channel();
        let done = move |result| {
            let _ = told.send(result);
        };
        self.call_then(to, lane, kind, body, deadline, Box::new(done));
        answer.await.unwrap_or(Err(CallError::Down))
    }

    /// Calls a peer; `done` gets the answer, exactly once, on the runtime and never within this call. It
    /// must not block. No task per call.
    pub fn call_then(
        &self,
        _to: NodeId,
        _lane: Lane,
        _kind: Kind,
        _body: Bytes,
        _deadline: Duration,
        done: Done,
    ) {
        tokio::spawn(async move { done(Err(CallError::Down)) });
    }

    /// Every peer's address, whether it is connected, its incarnation; changes wake.
    pub fn state(&self) -> watch::Receiver<PeersState> {
        self.0.state.subscribe()
    }

    /// The members and where they listen; this node may be among them. Peers that are not named any more
    /// are disconnected. From the first call on, nobody else's streams are taken.
    pub fn set_members(&self, _members: Vec<PeerAddress>) {}

    /// The highest incarnation of a node that was heard of.
    pub fn incarnation_of(&self, node: NodeId) -> Option<Incarnation> {
        let state = self.0.state.borrow();
        state.peers.get(&node).and_then(|peer| peer.incarnation)
    }

    /// Closes the port and all streams.
    pub async fn shutdown(&self) {}
}

impl PeerTls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// One cannot be read, or they do not fit together.
    pub fn load(_files: PeerTlsFiles) -> Result<Arc<Self>, crate::front_door::TlsFilesError> {
        Ok(Arc::new(Self {}))
    }
}

/// Asks a member to be taken into its cluster; for a node that has no id yet.
///
/// # Errors
///
/// It cannot be reached, or refuses.
pub async fn join(
    address: &str,
    _request: JoinRequest,
    _tls: Option<&Arc<PeerTls>>,
) -> Result<JoinAnswer, JoinError> {
    Err(JoinError::Unreachable {
        address: address.to_owned(),
        problem: "not built yet".to_owned(),
    })
}
