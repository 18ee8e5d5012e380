//! Streams of appends as a follower sees them: one per leader and group, answered in order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use openraft::Raft;
use openraft::raft::AppendEntriesRequest;
use prost::Message as _;
use quorate_control::NodeId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::limits::APPENDS_WAITING_MAX;
use super::state_machine::StateMachine;
use super::type_config::Types;
use super::wire;
use crate::peers::Replier;

/// All streams of appends that come to this node.
#[derive(Default)]
pub(super) struct AppendServer(Mutex<HashMap<(NodeId, u32), Incoming>>);

struct Incoming {
    stream: u64,
    requests: mpsc::Sender<AppendEntriesRequest<Types>>,
    waiting: Arc<Waiting>,
}

/// Who waits for answers, in the order of their requests; `None` after the last answer.
struct Waiting(Mutex<Option<VecDeque<Replier>>>);

impl AppendServer {
    /// An append came in a stream. It is answered in its turn, or not at all.
    pub(super) fn append(
        &self,
        raft: &Raft<Types, StateMachine>,
        from: NodeId,
        place: (u32, u64),
        request: AppendEntriesRequest<Types>,
        reply: Replier,
    ) {
        let (group, stream) = place;
        let mut streams = self.streams();
        let known = streams.get(&(from, group));
        if known.is_some_and(|known| known.stream > stream) {
            // An older stream's rest. The reply's drop says that nobody answers.
            return;
        }
        if known.is_none_or(|known| known.stream < stream) {
            streams.insert((from, group), Incoming::begin(raft, stream));
        }
        let Some(incoming) = streams.get(&(from, group)) else {
            return;
        };
        if let Some(waiting) = &mut *incoming.waiting.lock() {
            match incoming.requests.try_reserve() {
                Ok(place) => {
                    waiting.push_back(reply);
                    place.send(request);
                }
                // More than a leader may have on its way, or a group that has stopped.
                Err(_) => drop(reply),
            }
        }
    }

    /// The leader ends a stream.
    pub(super) fn end(&self, from: NodeId, group: u32, stream: u64) {
        let mut streams = self.streams();
        let known = streams.get(&(from, group));
        if known.is_some_and(|known| known.stream == stream) {
            streams.remove(&(from, group));
        }
    }

    /// The leader is not connected any more.
    pub(super) fn end_all(&self, from: NodeId) {
        self.streams().retain(|(node, _), _| *node != from);
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<(NodeId, u32), Incoming>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    fn begin(raft: &Raft<Types, StateMachine>, stream: u64) -> Self {
        let (requests, received) = mpsc::channel(APPENDS_WAITING_MAX);
        let waiting = Arc::new(Waiting(Mutex::new(Some(VecDeque::new()))));
        let answering = Arc::clone(&waiting);
        let answers = raft.stream_append(ReceiverStream::new(received));
        tokio::spawn(async move {
            let mut answers = std::pin::pin!(answers);
            // An error means that the group has stopped.
            while let Some(Ok(answer)) = answers.next().await {
                let is_last = answer.is_err();
                let body = Bytes::from(wire::encode_streamed(answer).encode_to_vec());
                answering.answer(body);
                if is_last {
                    break;
                }
            }
            answering.close();
        });
        Self {
            stream,
            requests,
            waiting,
        }
    }
}

impl Waiting {
    fn answer(&self, body: Bytes) {
        let reply = self.lock().as_mut().and_then(VecDeque::pop_front);
        if let Some(reply) = reply {
            reply.send(body);
        }
    }

    /// Nobody is answered any more, which their dropped repliers tell them.
    fn close(&self) {
        let left = self.lock().take();
        drop(left);
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Replier>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
