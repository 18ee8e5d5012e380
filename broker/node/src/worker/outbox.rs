//! What a turn wants done by others: values, so that a test can look at them and the event loop does them.

use std::sync::Arc;

use quorate_codec::SubscriptionOptions;
use quorate_router::Interest;
use quorate_shard::{Epoch, SessionId, ShardId};

use super::cross::CrossOut;
use crate::shard_client::Request;

/// See the module. Emptied at the end of each turn.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Commands by shard.
    pub(crate) requests: Vec<Vec<Request>>,
    /// Publishes by worker; the own place stays empty.
    pub(crate) cross: Vec<CrossOut>,
    /// Changes of this worker's interest that the others have to route by.
    pub(crate) interest: Vec<(Arc<str>, Interest)>,
    /// Everything else.
    pub(crate) errands: Vec<Errand>,
}

/// One thing to ask of another part of the node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Have the shard's deliveries for this session sent here.
    Attach {
        shard: ShardId,
        session: SessionId,
        epoch: Epoch,
    },
    /// Stop them.
    Detach {
        shard: ShardId,
        session: SessionId,
        epoch: Epoch,
    },
    /// Read the retained messages for these filters and answer with the ticket.
    ReadRetained { ticket: u64, filters: Vec<Arc<str>> },
    /// Answer with the ticket once every other worker routes by the interest changes of this turn.
    Barrier { ticket: u64 },
}

/// A subscription whose retained messages are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) filter: Arc<str>,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<u32>,
}

impl Outbox {
    pub(super) fn new(shards: usize, workers: usize) -> Self {
        Self {
            requests: (0..shards).map(|_| Vec::new()).collect(),
            cross: (0..workers).map(|_| CrossOut::default()).collect(),
            interest: Vec::new(),
            errands: Vec::new(),
        }
    }
}
