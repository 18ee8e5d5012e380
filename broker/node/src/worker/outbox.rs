//! What a turn wants done by others: values, so that a test can look at them and the event loop does them.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_codec::SubscriptionOptions;
use quorate_router::Interest;
use quorate_shard::{Epoch, NodeId, SessionId, ShardId};

use super::cross::CrossOut;
use super::inbox::Confirm;
use crate::shard_client::Request;

/// See the module. Emptied at the end of each turn.
#[derive(Debug)]
pub struct Outbox {
    /// Commands by shard.
    pub requests: Vec<Vec<Request>>,
    /// Publishes by worker; the own place stays empty.
    pub cross: Vec<CrossOut>,
    /// Publishes by node.
    pub nodes: BTreeMap<NodeId, NodeOut>,
    /// Changes of this worker's interest that the others have to route by.
    pub interest: Vec<(Arc<str>, Interest)>,
    /// Everything else.
    pub errands: Vec<Errand>,
    /// Dropped last: whoever is told that this worker routes by its interest may rely on it that what was
    /// routed without it has been handed out (a retained message, for instance, that it then reads).
    pub confirmed: Vec<Confirm>,
}

/// Publishes for clients of one other node.
#[derive(Debug, Default)]
pub struct NodeOut {
    /// The messages.
    pub out: CrossOut,
    /// Publishes among them whose acknowledgement waits for the node's receipt.
    pub tickets: Vec<u64>,
}

/// One thing to ask of another part of the node.
#[derive(Debug, PartialEq, Eq)]
pub enum Errand {
    /// Have the shard's deliveries for this session sent here.
    Attach {
        /// Its shard.
        shard: ShardId,
        /// The session.
        session: SessionId,
        /// Claim it is held under.
        epoch: Epoch,
    },
    /// Stop them.
    Detach {
        /// Its shard.
        shard: ShardId,
        /// The session.
        session: SessionId,
        /// Claim it was held under.
        epoch: Epoch,
    },
    /// Give a session back once all that this node has submitted is applied.
    Release {
        /// Its shard.
        shard: ShardId,
        /// How.
        release: quorate_shard::Release,
    },
    /// Read the retained messages for these filters and answer with the ticket.
    ReadRetained {
        /// What the answer names.
        ticket: u64,
        /// The filters, in the order of the answer.
        filters: Vec<Arc<str>>,
    },
    /// Answer with the ticket once every other worker routes by the interest changes of this turn.
    Barrier {
        /// What the answer names.
        ticket: u64,
    },
}

/// A subscription whose retained messages are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) filter: Arc<str>,
    pub(super) options: SubscriptionOptions,
    pub(super) identifier: Option<u32>,
}

impl Outbox {
    pub(super) fn new(shards: usize, workers: usize) -> Self {
        Self {
            requests: (0..shards).map(|_| Vec::new()).collect(),
            cross: (0..workers).map(|_| CrossOut::default()).collect(),
            nodes: BTreeMap::new(),
            interest: Vec::new(),
            errands: Vec::new(),
            confirmed: Vec::new(),
        }
    }

    /// Whether so much waits for another worker or node that no more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.outs().any(CrossOut::is_full)
    }

    /// Whether publishes wait for another worker or node that has no room.
    pub(super) fn holds_publishes(&self) -> bool {
        self.outs().any(|out| !out.batch.is_empty())
    }

    fn outs(&self) -> impl Iterator<Item = &CrossOut> {
        self.cross
            .iter()
            .chain(self.nodes.values().map(|to| &to.out))
    }
}
