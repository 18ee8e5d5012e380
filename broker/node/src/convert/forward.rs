//! `ForwardRequest` and `ForwardReply`: batches on their way to a leader on another node, and what came of
//! them.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::peer::{self, forward_reply, forward_request::What};
use quorate_shard::{Admission, Outcome, Refusal, ShardId};

use super::malformed::{Malformed, narrow, present};
use super::outcome;

/// What a shard's leader is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ForwardRequest {
    /// Propose this encoded batch.
    Batch(Bytes),
    /// Answer when everybody routes by the interest as of this index of the log.
    Barrier(u64),
}

/// What came of a forwarded batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ForwardReply {
    pub(crate) admission: Admission,
    pub(crate) outcomes: Arc<[Outcome]>,
    /// Where it was applied.
    pub(crate) index: u64,
    /// Whether everybody routes by the interest as of `index` already.
    pub(crate) confirmed: bool,
}

pub(crate) fn encode_forward(shard: ShardId, request: ForwardRequest) -> Bytes {
    let what = match request {
        ForwardRequest::Batch(batch) => What::Batch(batch),
        ForwardRequest::Barrier(index) => What::Barrier(index),
    };
    let message = peer::ForwardRequest {
        shard: shard.into(),
        what: Some(what),
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_forward(bytes: Bytes) -> Result<(ShardId, ForwardRequest), Malformed> {
    let message = peer::ForwardRequest::decode(bytes)?;
    let request = match present("forward.what", message.what)? {
        What::Batch(batch) => ForwardRequest::Batch(batch),
        What::Barrier(index) => ForwardRequest::Barrier(index),
    };
    Ok((narrow("forward.shard", message.shard)?, request))
}

pub(crate) fn encode_forward_reply(reply: &ForwardReply) -> Bytes {
    use forward_reply::Admission as Wire;
    let (admission, detail) = match reply.admission {
        Admission::Fresh => (Wire::Fresh, 0),
        Admission::Duplicate => (Wire::Duplicate, 0),
        Admission::Refused(Refusal::Gap { expected }) => (Wire::Gap, expected),
        Admission::Refused(Refusal::OlderIncarnation { current }) => {
            (Wire::OlderIncarnation, current)
        }
        Admission::Refused(Refusal::Forgotten { oldest }) => (Wire::Forgotten, oldest),
    };
    let message = peer::ForwardReply {
        admission: admission.into(),
        detail,
        outcomes: reply.outcomes.iter().map(outcome::encode).collect(),
        index: reply.index,
        confirmed: reply.confirmed,
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_forward_reply(bytes: Bytes) -> Result<ForwardReply, Malformed> {
    use forward_reply::Admission as Wire;
    let message = peer::ForwardReply::decode(bytes)?;
    let detail = message.detail;
    let admission = match Wire::try_from(message.admission) {
        Ok(Wire::Fresh) => Admission::Fresh,
        Ok(Wire::Duplicate) => Admission::Duplicate,
        Ok(Wire::Gap) => Admission::Refused(Refusal::Gap { expected: detail }),
        Ok(Wire::OlderIncarnation) => {
            Admission::Refused(Refusal::OlderIncarnation { current: detail })
        }
        Ok(Wire::Forgotten) => Admission::Refused(Refusal::Forgotten { oldest: detail }),
        Ok(Wire::Unspecified) | Err(_) => {
            return Err(Malformed::Range {
                field: "forward_reply.admission",
                value: message.admission.unsigned_abs().into(),
            });
        }
    };
    let outcomes = message.outcomes.into_iter().map(outcome::decode);
    Ok(ForwardReply {
        admission,
        outcomes: outcomes.collect::<Result<_, _>>()?,
        index: message.index,
        confirmed: message.confirmed,
    })
}
