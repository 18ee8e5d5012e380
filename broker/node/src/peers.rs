//! Streams to and from the other nodes of the cluster: three lanes per peer, frames in bounded queues,
//! calls with deadlines. Knows what a frame is for only as far as finding its handler.

mod admission;
mod calls;
mod connect;
mod counters;
mod dial;
mod error;
mod frame;
mod handlers;
mod inbound;
mod join;
mod kind;
mod lane_stream;
mod limits;
mod peer;
mod queue;
mod serve;
mod shared;
mod socket;
mod state;
mod tls;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use quorate_control::{Incarnation, NodeId};
use tokio::runtime::Handle;
use tokio::sync::watch;

pub use calls::Done;
pub use counters::{LaneCounters, PeerCounters, PeersStats};
pub use error::{CallError, JoinError, ListenError, Refusal, SendError};
pub use handlers::{Handler, JoinHandler, Replier, Sender};
pub use join::join;
pub use kind::{Block, Kind, Lane};
pub use state::{Identity, PeerAddress, PeerState, PeersState};
pub use tls::{PeerTls, PeerTlsFiles};

pub(crate) use connect::{ConnectError, connect};
pub(crate) use serve::greet;
pub(crate) use shared::reload;
pub(crate) use socket::Accepted;

use serve::Serving;
use shared::Shared;

/// All peers of this node. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    serving: Mutex<Vec<Serving>>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Peers")
            .field(&*self.0.shared.state.borrow())
            .finish()
    }
}

impl Peers {
    /// No peers yet, no identity and no port. Without `tls` everything stays on loopback.
    ///
    /// # Panics
    ///
    /// There is no runtime around the call.
    pub fn new(tls: Option<Arc<PeerTls>>) -> Self {
        Self(Arc::new(Inner {
            shared: Shared::new(tls, Handle::current()),
            stop: watch::Sender::new(false),
            serving: Mutex::default(),
        }))
    }

    /// Says who this node is; until then it dials nobody and refuses every stream. Called again with a
    /// higher incarnation when the control group has given this life its number.
    ///
    /// # Panics
    ///
    /// Cluster or node differ from what was said before.
    pub fn set_identity(&self, identity: Identity) {
        self.0.shared.set_identity(identity);
    }

    /// Opens the port; `0` takes a free one. The address that was taken.
    ///
    /// # Errors
    ///
    /// The address is not loopback and there are no certificates, or it cannot be bound.
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, ListenError> {
        let stop = self.0.stop.subscribe();
        let (bound, serving) = serve::listen(&self.0.shared, address, stop).await?;
        self.serving().push(serving);
        Ok(bound)
    }

    /// Frames of this block go to `handler`. Frames that come before are refused.
    ///
    /// # Panics
    ///
    /// The block has a handler.
    pub fn register(&self, block: Block, handler: Arc<dyn Handler>) {
        self.0.shared.handlers.register(block, handler);
    }

    /// Answers Join calls; until then they are refused.
    ///
    /// # Panics
    ///
    /// There is a handler.
    pub fn register_join(&self, handler: Arc<dyn JoinHandler>) {
        let taken = self.0.shared.handlers.join.set(handler).is_err();
        assert!(!taken, "joining has a handler already");
    }

    /// Queues a frame to a peer. What the peer does with it is not known; it may be lost with the stream.
    ///
    /// # Errors
    ///
    /// It is not queued.
    pub fn send(&self, to: NodeId, lane: Lane, kind: Kind, body: Bytes) -> Result<(), SendError> {
        let peer = self.0.shared.peer(to).ok_or(SendError::Down)?;
        peer.send(lane, kind, &body)
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
        to: NodeId,
        lane: Lane,
        kind: Kind,
        body: Bytes,
        deadline: Duration,
        done: Done,
    ) {
        let called = match self.0.shared.peer(to) {
            Some(peer) => peer.call(lane, kind, &body, deadline, done),
            None => Err((done, CallError::Down)),
        };
        if let Err((done, error)) = called {
            // Not from here: the caller may hold what `done` needs.
            self.0.shared.runtime.spawn(async move { done(Err(error)) });
        }
    }

    /// Every peer's address, whether it is connected, its incarnation; changes wake.
    pub fn state(&self) -> watch::Receiver<PeersState> {
        self.0.shared.state.subscribe()
    }

    /// The members and where they listen; this node may be among them. Peers that are not named any more
    /// are disconnected. From the first call on, nobody else's streams are taken.
    pub fn set_members(&self, members: Vec<PeerAddress>) {
        self.0.shared.set_members(members);
    }

    /// The highest incarnation of a node that was heard of.
    pub fn incarnation_of(&self, node: NodeId) -> Option<Incarnation> {
        self.0.shared.newest(node)
    }

    /// What is counted.
    pub fn stats(&self) -> &PeersStats {
        &self.0.shared.stats
    }

    /// Closes the port and all streams; every call fails. There is no way back.
    pub async fn shutdown(&self) {
        self.0.shared.stop();
        self.0.stop.send_replace(true);
        let serving = std::mem::take(&mut *self.serving());
        for serving in serving {
            serving.stop().await;
        }
    }

    fn serving(&self) -> std::sync::MutexGuard<'_, Vec<Serving>> {
        self.0
            .serving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
