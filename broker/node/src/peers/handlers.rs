//! Who takes the frames that come from peers, and how they are answered. Knows no kinds in detail.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use quorate_control::{Incarnation, NodeId};
use quorate_proto::peer::{JoinAnswer, JoinRequest};

use super::kind::{Block, Kind, Lane};

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The node.
    pub node: NodeId,
    /// The life of it that the frame comes from.
    pub incarnation: Incarnation,
}

/// Takes the frames of one block. Called on the runtime by the task that reads the stream, in the order in
/// which the frames of one lane were sent: must not block, and what takes long goes to a task of its own.
pub trait Handler: Send + Sync {
    /// A frame came. A one-way frame has a `reply` that leads nowhere.
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier);

    /// The stream of a lane from this node has ended, or a newer one has replaced it: frames that were on
    /// their way are lost, and what was kept for the stream may go.
    fn ended(&self, _from: NodeId, _lane: Lane) {}
}

/// Answers nodes that want to become members.
pub trait JoinHandler: Send + Sync {
    /// A node asks. An error is told to it as a sentence.
    fn join(
        &self,
        request: JoinRequest,
    ) -> futures::future::BoxFuture<'static, Result<JoinAnswer, String>>;
}

/// Answers one call, later and from any thread. Dropped unused it tells the caller that no answer comes.
pub struct Replier(Option<Box<dyn FnOnce(Option<Bytes>) + Send>>);

impl Replier {
    /// Answers a call; a one-way frame's answer goes nowhere.
    pub fn send(mut self, body: Bytes) {
        if let Some(answer) = self.0.take() {
            answer(Some(body));
        }
    }

    /// Whether the sender waits for an answer.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Leads to `answer`, which is called once; also for tests of handlers.
    pub fn new(answer: impl FnOnce(Option<Bytes>) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// For a frame that nobody waits for.
    pub fn one_way() -> Self {
        Self(None)
    }
}

impl Drop for Replier {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(None);
        }
    }
}

impl std::fmt::Debug for Replier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Replier").field(&self.is_wanted()).finish()
    }
}

/// One handler per block, set once.
#[derive(Default)]
pub(super) struct Handlers {
    blocks: [OnceLock<Arc<dyn Handler>>; Block::COUNT],
    pub(super) join: OnceLock<Arc<dyn JoinHandler>>,
}

impl Handlers {
    pub(super) fn register(&self, block: Block, handler: Arc<dyn Handler>) {
        let taken = self.blocks[block.index()].set(handler).is_err();
        assert!(!taken, "{block:?} has a handler already");
    }

    pub(super) fn get(&self, block: Block) -> Option<&Arc<dyn Handler>> {
        self.blocks[block.index()].get()
    }

    /// Tells every handler that a stream ended.
    pub(super) fn ended(&self, from: NodeId, lane: Lane) {
        for handler in self.blocks.iter().filter_map(OnceLock::get) {
            handler.ended(from, lane);
        }
    }
}
