//! Appends of one group to one follower, several on their way at once, bounded in number and bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use openraft::errors::RPCError;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use prost::Message as _;
use quorate_proto::peer as proto;
use tokio::sync::mpsc;

use super::limits::{APPEND_BYTES_IN_FLIGHT_MAX, APPEND_DEADLINE, APPENDS_IN_FLIGHT_MAX};
use super::network::{Link, failed};
use super::type_config::Types;
use super::wire;
use crate::convert::Malformed;
use crate::peers::{CallError, Kind, Lane};

/// Numbers streams, so that a peer can tell a new one from the one before.
static STREAMS: AtomicU64 = AtomicU64::new(1);

/// The stream of answers. Polls its input itself; its drop tells the follower.
pub(super) struct AppendStream<S> {
    link: Link,
    id: u64,
    input: Option<S>,
    /// Sizes of the appends without an answer.
    in_flight: VecDeque<usize>,
    bytes_in_flight: usize,
    answered: mpsc::UnboundedSender<Result<Bytes, CallError>>,
    answers: mpsc::UnboundedReceiver<Result<Bytes, CallError>>,
    has_failed: bool,
}

impl<S> AppendStream<S> {
    pub(super) fn new(link: Link, input: S) -> Self {
        // Not more than the appends in flight.
        let (answered, answers) = mpsc::unbounded_channel();
        Self {
            link,
            id: STREAMS.fetch_add(1, Relaxed),
            input: Some(input),
            in_flight: VecDeque::new(),
            bytes_in_flight: 0,
            answered,
            answers,
            has_failed: false,
        }
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < APPENDS_IN_FLIGHT_MAX
            && self.bytes_in_flight < APPEND_BYTES_IN_FLIGHT_MAX
    }

    fn send(&mut self, request: AppendEntriesRequest<Types>) {
        let append = wire::encode_append(self.link.group, self.id, request);
        let body = Bytes::from(append.encode_to_vec());
        self.in_flight.push_back(body.len());
        self.bytes_in_flight += body.len();
        let answered = self.answered.clone();
        let done = move |answer| {
            // An error means that the stream was dropped.
            let _ = answered.send(answer);
        };
        self.link.peers.call_then(
            self.link.target,
            Lane::Append,
            Kind::RaftAppend,
            body,
            APPEND_DEADLINE,
            Box::new(done),
        );
    }

    fn take(
        &mut self,
        answer: Result<Bytes, CallError>,
    ) -> Result<StreamAppendResult<Types>, RPCError<Types>> {
        if let Some(bytes) = self.in_flight.pop_front() {
            self.bytes_in_flight -= bytes;
        }
        let result = answer.map_err(failed).and_then(|body| {
            proto::RaftAppended::decode(body)
                .map_err(Malformed::from)
                .and_then(wire::decode_streamed)
                .map_err(|error| wire::malformed(&error))
        });
        // Answers are in order as long as none is missing.
        self.has_failed = !matches!(result, Ok(Ok(_)));
        result
    }
}

impl<S> Stream for AppendStream<S>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    type Item = Result<StreamAppendResult<Types>, RPCError<Types>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = &mut *self;
        if stream.has_failed {
            return Poll::Ready(None);
        }
        while stream.has_room()
            && let Some(input) = &mut stream.input
        {
            match Pin::new(input).poll_next(context) {
                Poll::Ready(Some(request)) => stream.send(request),
                Poll::Ready(None) => stream.input = None,
                Poll::Pending => break,
            }
        }
        match stream.answers.poll_recv(context) {
            Poll::Ready(Some(answer)) => Poll::Ready(Some(stream.take(answer))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if stream.input.is_none() && stream.in_flight.is_empty() => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S> Drop for AppendStream<S> {
    fn drop(&mut self) {
        let end = proto::RaftAppendEnd {
            group: self.link.group,
            stream: self.id,
        };
        let body = Bytes::from(end.encode_to_vec());
        // A peer that is down knows that its streams have ended.
        let peers = &self.link.peers;
        let _ = peers.send(self.link.target, Lane::Append, Kind::RaftAppendEnd, body);
    }
}
