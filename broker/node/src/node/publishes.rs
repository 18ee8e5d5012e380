//! Messages from other nodes for clients of this one.

use std::sync::Arc;

use bytes::Bytes;

use crate::peers::{Handler, Kind, Replier, Sender};
use crate::worker::{Mailbox, PeerBatch, ToWorker};

/// See the module.
pub(super) struct Publishes {
    mailboxes: Arc<[Arc<Mailbox>]>,
}

impl Publishes {
    pub(super) fn new(mailboxes: Arc<[Arc<Mailbox>]>) -> Self {
        Self { mailboxes }
    }
}

impl Handler for Publishes {
    /// One worker takes all of a node's batches, so that they stay in order, and passes on what others want.
    fn handle(&self, from: Sender, _kind: Kind, body: Bytes, reply: Replier) {
        match PeerBatch::decode(body) {
            Ok(batch) => {
                let worker = usize::try_from(from.node).unwrap_or(0) % self.mailboxes.len();
                self.mailboxes[worker].send(ToWorker::PeerPublishes(batch));
                reply.send(Bytes::new());
            }
            Err(error) => tracing::warn!(node = from.node, %error, "a peer's messages are dropped"),
        }
    }
}
