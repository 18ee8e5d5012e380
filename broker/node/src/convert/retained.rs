//! `RetainedRequest` and `RetainedReply`: reads of retained messages from another node.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::peer;
use quorate_shard::{Message, ShardId};

use super::malformed::{Malformed, narrow};
use super::message;
use crate::raft::RetainedFound;

/// What a shard's leader is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RetainedRequest {
    /// What matches this filter.
    Filter(Arc<str>),
    /// The next piece of an answer.
    Cursor(u64),
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RetainedPiece {
    pub(crate) found: Vec<RetainedFound>,
    /// Names the rest, if there is one.
    pub(crate) cursor: Option<u64>,
}

pub(crate) fn encode_retained(shard: ShardId, request: &RetainedRequest) -> Bytes {
    let (filter, cursor) = match request {
        RetainedRequest::Filter(filter) => (String::from(&**filter), 0),
        RetainedRequest::Cursor(cursor) => (String::new(), *cursor),
    };
    let message = peer::RetainedRequest {
        shard: shard.into(),
        filter,
        cursor,
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_retained(bytes: Bytes) -> Result<(ShardId, RetainedRequest), Malformed> {
    let message = peer::RetainedRequest::decode(bytes)?;
    let shard = narrow("retained.shard", message.shard)?;
    let request = match message.cursor {
        0 => RetainedRequest::Filter(message.filter.into()),
        cursor => RetainedRequest::Cursor(cursor),
    };
    Ok((shard, request))
}

pub(crate) fn encode_retained_piece(found: &[RetainedFound], cursor: Option<u64>) -> Bytes {
    let messages = found.iter().map(|found| {
        let mut encoded = message::encode(Message::clone(&found.message));
        encoded.expiry_seconds = found.expiry_seconds;
        encoded
    });
    let message = peer::RetainedReply {
        messages: messages.collect(),
        cursor: cursor.unwrap_or(0),
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_retained_piece(bytes: Bytes) -> Result<RetainedPiece, Malformed> {
    let source = bytes.len();
    let reply = peer::RetainedReply::decode(bytes)?;
    let found = reply.messages.into_iter().map(|encoded| {
        let message = message::decode(encoded, source)?;
        Ok(RetainedFound {
            expiry_seconds: message.expiry_seconds,
            message: Arc::new(message),
        })
    });
    Ok(RetainedPiece {
        found: found.collect::<Result<_, Malformed>>()?,
        cursor: (reply.cursor != 0).then_some(reply.cursor),
    })
}
