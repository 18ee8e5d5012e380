//! Reads of retained messages, linearizable, wherever a shard's leader is. An answer to another node goes in
//! pieces; the rest waits here for a short while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use quorate_shard::{Message, NodeId, Retained};

use super::group::Way;
use super::limits::{
    PROPOSE_RETRY, RETAINED_CURSOR_KEPT, RETAINED_CURSORS_MAX, RETAINED_PIECE_BYTES_MAX,
    RETAINED_PIECE_DEADLINE,
};
use super::shard_handle::ShardHandle;
use crate::convert::{self, RetainedRequest};
use crate::peers::{CallError, Kind, Lane};

/// A retained message that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct RetainedFound {
    /// The message.
    pub message: Arc<Message>,
    /// What is left of its expiry interval, in seconds.
    pub expiry_seconds: Option<u32>,
}

impl ShardHandle {
    /// Appends what matches in this shard, what this node has submitted included: a retained message whose
    /// publish went by before the subscription was there must be found now. Tries again until a leader has
    /// answered; the caller has the deadline.
    pub(super) async fn retained(&self, filter: &str, found: &mut Vec<RetainedFound>) {
        self.proposer.caught_up().await;
        loop {
            let read = match self.group.way() {
                Way::Here => self.retained_here(filter).await,
                Way::There(leader) => self.retained_there(leader, filter).await.ok(),
                Way::Nowhere => None,
            };
            if let Some(read) = read {
                found.extend(read);
                return;
            }
            self.group.another_way(PROPOSE_RETRY).await;
        }
    }

    /// What matches, as of now; `None` if this node cannot be sure that it leads.
    pub(super) async fn retained_here(&self, filter: &str) -> Option<Vec<RetainedFound>> {
        self.group.linearize().await.ok()?;
        let now = self.machine.now();
        let state = self.machine.state();
        let mut found = Vec::new();
        let visit = &mut |retained: &Retained| {
            let left = retained.expires_at;
            let left = left.map(|at| at.saturating_sub(now).div_ceil(1_000));
            found.push(RetainedFound {
                message: Arc::clone(&retained.message),
                expiry_seconds: left.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
            });
        };
        state.shard.retained_matching(filter, now, visit);
        Some(found)
    }

    async fn retained_there(
        &self,
        leader: NodeId,
        filter: &str,
    ) -> Result<Vec<RetainedFound>, CallError> {
        let mut found = Vec::new();
        let mut request = RetainedRequest::Filter(filter.into());
        loop {
            let body = convert::encode_retained(self.shard, &request);
            let call = self.peers.call(
                leader,
                Lane::Append,
                Kind::Retained,
                body,
                RETAINED_PIECE_DEADLINE,
            );
            let piece = convert::decode_retained_piece(call.await?);
            let piece = piece.map_err(|_| CallError::Refused)?;
            found.extend(piece.found);
            match piece.cursor {
                Some(cursor) => request = RetainedRequest::Cursor(cursor),
                None => return Ok(found),
            }
        }
    }
}

/// Rests of answers that go in pieces.
#[derive(Default)]
pub(super) struct Cursors(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    rests: VecDeque<Rest>,
}

struct Rest {
    cursor: u64,
    node: NodeId,
    since: Instant,
    found: VecDeque<RetainedFound>,
}

impl Cursors {
    /// The first piece of an answer, encoded.
    pub(super) fn begin(&self, node: NodeId, found: Vec<RetainedFound>) -> Bytes {
        self.piece(node, found.into())
    }

    /// The next piece; `None` if the rest is not kept any more.
    pub(super) fn go_on(&self, node: NodeId, cursor: u64) -> Option<Bytes> {
        let rest = {
            let mut kept = self.lock();
            let place = kept
                .rests
                .iter()
                .position(|rest| rest.cursor == cursor && rest.node == node)?;
            kept.rests.remove(place)?
        };
        Some(self.piece(node, rest.found))
    }

    fn piece(&self, node: NodeId, mut found: VecDeque<RetainedFound>) -> Bytes {
        let mut bytes = 0;
        let mut piece = Vec::new();
        while bytes < RETAINED_PIECE_BYTES_MAX
            && let Some(next) = found.pop_front()
        {
            let message = &next.message;
            bytes += message.topic.len() + message.properties.len() + message.payload.len();
            piece.push(next);
        }
        let cursor = (!found.is_empty()).then(|| self.keep(node, found));
        convert::encode_retained_piece(&piece, cursor)
    }

    fn keep(&self, node: NodeId, found: VecDeque<RetainedFound>) -> u64 {
        let since = Instant::now();
        let mut kept = self.lock();
        let old = |rest: &Rest| since - rest.since > RETAINED_CURSOR_KEPT;
        while kept.rests.front().is_some_and(old) || kept.rests.len() >= RETAINED_CURSORS_MAX {
            kept.rests.pop_front();
        }
        kept.last += 1;
        let cursor = kept.last;
        kept.rests.push_back(Rest {
            cursor,
            node,
            since,
            found,
        });
        cursor
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: usize, bytes: usize) -> Vec<RetainedFound> {
        let message = |number: usize| Message {
            topic: format!("t/{number}").into(),
            properties: Bytes::new(),
            payload: vec![1; bytes].into(),
            qos: quorate_codec::QoS::AtLeastOnce,
            retain: true,
            expiry_seconds: None,
        };
        let found = (0..count).map(|number| RetainedFound {
            message: Arc::new(message(number)),
            expiry_seconds: None,
        });
        found.collect()
    }

    #[test]
    fn a_long_answer_comes_in_pieces_and_is_complete() {
        let cursors = Cursors::default();
        let all = found(100, 100_000);
        let mut piece = convert::decode_retained_piece(cursors.begin(7, all.clone())).unwrap();
        let mut read = piece.found;
        let mut pieces = 1;
        while let Some(cursor) = piece.cursor {
            assert!(cursors.go_on(8, cursor).is_none(), "it is another node's");
            let next = cursors.go_on(7, cursor).unwrap();
            assert!(next.len() < RETAINED_PIECE_BYTES_MAX + 110_000);
            piece = convert::decode_retained_piece(next).unwrap();
            read.extend(piece.found);
            pieces += 1;
        }
        assert_eq!(read, all);
        assert!(pieces > 5, "{pieces}");
    }
}
