//! Everything a worker can be told, by whoever has its mailbox.

use std::sync::{Arc, Mutex, PoisonError};

use quorate_router::{ConnectionId, Interest, Target};
use quorate_shard::{Epoch, Message, Origin, Outcome, SessionId, ShardId};

use super::cross::CrossBatch;
use super::peer_batch::PeerBatch;
use crate::delivery::SessionDeliveries;
use crate::front_door::Established;
use crate::raft::RetainedFound;

/// See the module. Messages of one sender arrive in the order they were sent.
#[derive(Debug)]
pub enum ToWorker {
    /// A connection to serve from now on.
    Connection(Box<Established>, ShardId),
    /// What became of commands, by ticket.
    Outcomes(Vec<(u64, Outcome)>),
    /// Packets for durable sessions.
    Deliveries(Vec<SessionDeliveries>),
    /// Somebody else's interest changed; route by it, then drop `confirm`.
    Interest {
        /// Who wants something.
        target: Target,
        /// The changes, in order.
        changes: Vec<(Arc<str>, Interest)>,
        /// Whether the changes replace all that was known.
        replace: bool,
        /// Dropped once the worker routes by it.
        confirm: Confirm,
    },
    /// Every other worker routes by this worker's interest as of the barrier.
    BarrierPassed(u64),
    /// A newer claim has the connection's client id: close it.
    TakeOver {
        /// The connection.
        connection: ConnectionId,
        /// Dropped once it is closed.
        closed: Confirm,
    },
    /// A session was ended by someone else; close its connection.
    SessionEnded {
        /// Its shard.
        shard: ShardId,
        /// The session.
        session: SessionId,
        /// Its last claim.
        epoch: Epoch,
    },
    /// Publish this on behalf of the broker.
    Publish(Injected),
    /// Publishes of another worker's clients.
    Publishes(CrossBatch),
    /// Publishes of another node's clients, for all workers of this one.
    PeerPublishes(PeerBatch),
    /// Another node has the publishes with these tickets.
    Receipts(Vec<u64>),
    /// Retained messages, by filter of the errand's list; `None` when they could not be read.
    Retained {
        /// The errand's ticket.
        ticket: u64,
        /// For each filter what was found.
        found: Option<Vec<Vec<RetainedFound>>>,
    },
    /// The node has lost its lease: close all connections with *Server unavailable*.
    SendAway,
    /// Close all connections with *Server shutting down* and end.
    Shutdown,
}

/// Tells somebody by being dropped, when the last clone is.
pub type Confirm = Arc<OnDrop>;

/// Runs a closure when dropped.
pub struct OnDrop(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl OnDrop {
    /// A confirmation that runs `then` when its last clone is dropped.
    pub fn new(then: Box<dyn FnOnce() + Send>) -> Confirm {
        Arc::new(Self(Mutex::new(Some(then))))
    }
}

impl std::fmt::Debug for OnDrop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnDrop")
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        let then = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(then) = then.take() {
            then();
        }
    }
}

/// A message of the broker's own, with what to do once it is everywhere.
#[derive(Debug)]
pub struct Injected {
    /// The message.
    pub message: Message,
    /// Client on whose behalf.
    pub publisher: Option<Arc<str>>,
    /// The share group whose members it is for, if it is for one alone.
    pub group: Option<Arc<str>>,
    /// Recognises a repeat.
    pub origin: Option<Origin>,
    /// Told whether all parts were accepted.
    pub done: Done,
}

/// Told how a publish went.
pub struct Done(Box<dyn FnOnce(bool) + Send>);

impl Done {
    /// Calls `then` with whether everything was accepted.
    pub fn new(then: impl FnOnce(bool) + Send + 'static) -> Self {
        Self(Box::new(then))
    }

    pub(super) fn run(self, accepted: bool) {
        (self.0)(accepted);
    }
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Done")
    }
}
