//! What the leader's dispatcher asks of the rest of the node.

use std::sync::Arc;

use quorate_router::{Interest, Scope};
use quorate_shard::{Delivery, Epoch, Millis, Owner, PendingWill, SessionId, ShardId};

/// Packets for one attached session, in the order of its queue.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionDeliveries {
    /// Shard of the session.
    pub shard: ShardId,
    /// The session.
    pub session: SessionId,
    /// Claim it is attached under.
    pub epoch: Epoch,
    /// Shard time now, to compute what is left of `expires_at`.
    pub now: Millis,
    /// The packets.
    pub deliveries: Vec<Delivery>,
}

/// What the shard's durable subscriptions want of a filter now.
pub type InterestDelta = (Arc<str>, Interest);

/// Where a dispatcher's work goes. All are called from the thread that applies, under the shard's lock:
/// they must not block and must not call back into the shard.
pub trait Deliveries: Send + Sync {
    /// Packets for sessions that are attached through this worker.
    fn deliver(&self, worker: u16, sessions: Vec<SessionDeliveries>);

    /// The shard's interest changed; `confirmed` is to be called when every worker routes by it (the
    /// barrier of P2). Deltas of one shard come in order and must be confirmed in order.
    fn interest(
        &self,
        shard: ShardId,
        deltas: Vec<InterestDelta>,
        confirmed: Box<dyn FnOnce() + Send>,
    );

    /// All of the shard's interest, told by its leader of `term`: replaces whatever was known of it.
    fn interest_set(
        &self,
        shard: ShardId,
        term: u64,
        filters: Vec<(Arc<str>, Scope)>,
        confirmed: Box<dyn FnOnce() + Send>,
    );

    /// This node leads the shard no more: who waits for its interest now waits for the new leader's.
    fn follow(&self, shard: ShardId);

    /// A will is due. It may come again after a change of leader; say `will_done` once it is published.
    fn publish_will(&self, shard: ShardId, will: PendingWill);

    /// The session was ended by someone else: its owner's connection is to be closed.
    fn close(&self, shard: ShardId, session: SessionId, owner: Owner);

    /// A newer claim of another node has the client id: a connection of this node that holds it under an
    /// older one is to be closed, and none may open any more. `closed` is to be called when there is none.
    fn close_client(&self, client_id: Arc<str>, epoch: Epoch, closed: Box<dyn FnOnce() + Send>);
}
