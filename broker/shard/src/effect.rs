//! What the leader's node has to do after an apply. Replicas that do not lead drop them.

use std::sync::Arc;

use quorate_router::ShareCount;

use crate::types::*;

/// One thing to do. An effect that must not be lost is also state until a later command says it is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Queue entries up to `started` may be sent to the session's owner; read them from the shard. Comes once per
    /// batch and session, after all else of the batch.
    Deliver {
        /// The session.
        session: SessionId,
        /// Its owner.
        owner: Owner,
        /// The last entry that may be sent.
        started: Sequence,
    },
    /// The shard's first durable subscription at QoS 1 or 2 to this filter came.
    InterestAdded(Arc<str>),
    /// The shard's last durable subscription at QoS 1 or 2 to this filter went.
    InterestRemoved(Arc<str>),
    /// The members of a share group that the shard has, above QoS 0, have changed; none is none.
    ShareChanged(Arc<str>, Option<ShareCount>),
    /// Publish the will, then propose `WillDone`; stays in the state until then.
    PublishWill {
        /// The session.
        session: SessionId,
        /// Client id, for *no local* and the log.
        client_id: Arc<str>,
        /// The claim that brought it.
        epoch: Epoch,
        /// The message.
        message: Message,
        /// It is no will but a message that a member of this share group did not get: for another member.
        group: Option<Arc<str>>,
    },
    /// Tell all shards that these origins need not be recognised any more: the session has ended, or the will is
    /// published. State until this shard applies their `Forget`, so tell it last.
    ForgetOrigins(Vec<Origin>),
    /// The owner must close its connection: another connection took its client id. Its node may have been told
    /// already by the one that took it; the epoch says whether the connection is still the one meant.
    Close {
        /// The session.
        session: SessionId,
        /// Its last owner.
        owner: Owner,
    },
}
