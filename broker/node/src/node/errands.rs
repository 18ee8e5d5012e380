//! What workers ask of the groups and the peers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_control::SlotMap;
use quorate_router::Interest;
use quorate_shard::{Command, Epoch, NodeId, Release, SessionId, ShardId};
use tokio::runtime::Handle;

use crate::interest::Interests;
use crate::members::Fence;
use crate::peers::{CallError, Kind, Lane, Peers};
use crate::raft::Groups;
use crate::shard_client::{ReplyTo, Request};
use crate::sys::Board;
use crate::worker::{Confirm, CrossBatch, Mailbox, Outside, ToWorker};

/// How long a SUBSCRIBE may wait for retained messages; then its connection is closed.
const RETAINED_DEADLINE: Duration = Duration::from_secs(10);

/// How long a peer may take to take messages for its clean sessions; a peer that takes longer is as good as
/// gone, and its clients with it.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(5);

/// See the module. One for all workers, cheap to clone.
#[derive(Clone)]
pub(super) struct Errands {
    groups: Groups,
    peers: Peers,
    interests: Interests,
    mailboxes: Arc<[Arc<Mailbox>]>,
    sys: Arc<Board>,
    runtime: Handle,
}

impl Errands {
    /// Must be called on the runtime that reads are to run on.
    pub(super) fn new(
        groups: Groups,
        (peers, interests, mailboxes): (Peers, Interests, Arc<[Arc<Mailbox>]>),
        sys: Arc<Board>,
    ) -> Self {
        Self {
            groups,
            peers,
            interests,
            mailboxes,
            sys,
            runtime: Handle::current(),
        }
    }

    /// Whether the node may speak for its cluster.
    pub(super) fn fence(&self) -> &Fence {
        self.groups.fence()
    }

    /// Which shard holds which key.
    pub(super) fn slots(&self) -> &SlotMap {
        self.groups.slots()
    }
}

impl Outside for Errands {
    fn submit(&self, shard: ShardId, requests: Vec<Request>) {
        self.groups.submit(shard, requests);
    }

    fn attach(&self, shard: ShardId, session: SessionId, epoch: Epoch, worker: u16) {
        self.groups.attach(shard, session, epoch, worker);
    }

    fn detach(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        self.groups.detach(shard, session, epoch);
    }

    fn release(&self, shard: ShardId, release: Release) {
        let groups = self.groups.clone();
        self.runtime.spawn(async move {
            groups.caught_up().await;
            let request = Request {
                command: Command::Release(release),
                reply: ReplyTo::None,
            };
            groups.submit(shard, vec![request]);
        });
    }

    fn publish(&self, worker: u16, node: NodeId, batch: CrossBatch, tickets: Vec<u64>) {
        let body = batch.encode();
        if tickets.is_empty() {
            if let Err(error) = self.peers.send(node, Lane::Append, Kind::Publish, body) {
                tracing::debug!(node, %error, "QoS 0 messages to a peer are dropped");
            }
            return;
        }
        let mailbox = self.mailboxes[usize::from(worker)].clone();
        let done = Box::new(move |answer: Result<Bytes, CallError>| {
            if let Err(error) = answer {
                tracing::debug!(node, %error, "messages for clean sessions of a peer may be lost");
            }
            drop(batch);
            mailbox.send(ToWorker::Receipts(tickets));
        });
        self.peers.call_then(
            node,
            Lane::Append,
            Kind::Publish,
            body,
            RECEIPT_DEADLINE,
            done,
        );
    }

    fn interest(&self, worker: u16, changes: &[(Arc<str>, Interest)], confirm: Confirm) {
        self.interests.worker_changed(worker, changes, confirm);
    }

    fn read_retained(&self, worker: u16, ticket: u64, filters: Vec<Arc<str>>) {
        let (groups, sys) = (self.groups.clone(), self.sys.clone());
        let mailbox = self.mailboxes[usize::from(worker)].clone();
        self.runtime.spawn(async move {
            let mut found = Some(Vec::with_capacity(filters.len()));
            for filter in filters {
                let read = groups.retained(&filter, RETAINED_DEADLINE).await;
                match (read, &mut found) {
                    (Ok(mut messages), Some(found)) => {
                        sys.find(&filter, &mut messages);
                        found.push(messages);
                    }
                    (Err(error), _) => {
                        tracing::warn!(%error, "retained messages cannot be read");
                        found = None;
                        break;
                    }
                    (Ok(_), None) => break,
                }
            }
            mailbox.send(ToWorker::Retained { ticket, found });
        });
    }
}
