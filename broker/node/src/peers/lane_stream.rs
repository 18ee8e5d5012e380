//! One stream as it is written: a greeting first, then the queue's chunks, each saying who sends it to whom.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use quorate_control::NodeId;
use quorate_proto::peer::Chunk;
use tonic::Status;

use super::admission::Local;
use super::counters::LaneCounters;
use super::error::Refusal;
use super::kind::Lane;
use super::queue::{End, Queue};

/// What a stream's chunks say, and where they come from.
pub(super) struct Outgoing {
    pub(super) local: Arc<Local>,
    pub(super) receiver: NodeId,
    pub(super) lane: Lane,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<LaneCounters>,
    greeted: bool,
}

impl Outgoing {
    pub(super) fn new(
        local: Arc<Local>,
        receiver: NodeId,
        lane: Lane,
        queue: Arc<Queue>,
        counters: Arc<LaneCounters>,
    ) -> Self {
        Self {
            local,
            receiver,
            lane,
            queue,
            counters,
            greeted: false,
        }
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Result<Chunk, End>> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Poll::Ready(Ok(self.chunk(Bytes::new())));
        }
        let Poll::Ready(taken) = self.queue.poll_take(context) else {
            return Poll::Pending;
        };
        Poll::Ready(taken.map(|frames| self.chunk(frames)))
    }

    fn chunk(&self, frames: Bytes) -> Chunk {
        self.counters.sent_chunks.add_shared(1);
        self.counters.sent_bytes.add_shared(frames.len() as u64);
        Chunk {
            cluster: self.local.cluster.to_be_bytes().to_vec().into(),
            sender: self.local.node,
            receiver: self.receiver,
            incarnation: self.local.incarnation.load(Relaxed),
            frames,
            lane: self.lane.number(),
        }
    }
}

impl Drop for Outgoing {
    /// Nobody will read the queue any more.
    fn drop(&mut self) {
        self.queue.end(End::Plain);
    }
}

/// Written by the side that dialled.
pub(super) struct ToServer(pub(super) Outgoing);

impl Stream for ToServer {
    type Item = Chunk;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.0.poll(context).map(Result::ok)
    }
}

/// Written by the side that was dialled; it can say why it ends.
pub(super) struct ToClient(Outgoing, bool);

impl ToClient {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        Self(outgoing, false)
    }
}

impl Stream for ToClient {
    type Item = Result<Chunk, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.1 {
            return Poll::Ready(None);
        }
        let Poll::Ready(taken) = self.0.poll(context) else {
            return Poll::Pending;
        };
        match taken {
            Ok(chunk) => Poll::Ready(Some(Ok(chunk))),
            Err(End::Plain) => Poll::Ready(None),
            Err(End::Refused(refusal)) => {
                self.1 = true;
                Poll::Ready(Some(Err(status(refusal))))
            }
        }
    }
}

/// A refusal as it is told to the peer.
pub(super) fn status(refusal: Refusal) -> Status {
    Status::permission_denied(refusal.label())
}

/// What a peer told, if it was a refusal.
pub(super) fn refusal(status: &Status) -> Option<Refusal> {
    (status.code() == tonic::Code::PermissionDenied)
        .then(|| {
            Refusal::ALL
                .into_iter()
                .find(|refusal| refusal.label() == status.message())
        })
        .flatten()
}
