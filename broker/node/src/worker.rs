//! Workers: plain threads, each with its own connections, an event loop on mio and no lock on the hot path
//! (design 2.7). `core` decides, `event_loop` reads and writes, `mailbox` is how others talk to it.

mod budget;
mod completions;
mod connection;
mod core;
mod cross;
mod deliver;
mod end;
mod event_loop;
mod inbound;
mod inbox;
mod lent;
mod limits;
mod mailbox;
mod messages;
mod operation;
mod outbox;
mod output;
mod peer_batch;
mod publish;
mod read_buffer;
mod retained;
mod shard_deliveries;
mod share;
mod slab;
mod socket;
mod subscribe;
mod timers;

use std::sync::Arc;
use std::thread::JoinHandle;

use quorate_router::Interest;
use quorate_shard::{Epoch, NodeId, SessionId, ShardId};

pub use self::core::{Core, CoreSettings};
pub use budget::Budget;
pub use connection::Opening;
pub use cross::CrossBatch;
pub use inbox::{Confirm, Done, Injected, OnDrop, ToWorker};
pub use limits::WorkerLimits;
pub use mailbox::Mailbox;
pub use outbox::{Errand, NodeOut, Outbox};
pub use output::{BufferPool, Output};
pub use peer_batch::{MalformedBatch, PeerBatch};
pub(crate) use read_buffer::ReadBuffer;

use crate::members::Fence;
use crate::metrics::WorkerCounters;
use crate::registry::Registry;
use crate::shard_client::Request;
use event_loop::EventLoop;

/// What a worker asks of the rest of the node. Nothing of it may block.
pub trait Outside: Send {
    /// Hands commands to a shard, in order.
    fn submit(&self, shard: ShardId, requests: Vec<Request>);
    /// Has a durable session's deliveries sent to this worker.
    fn attach(&self, shard: ShardId, session: SessionId, epoch: Epoch, worker: u16);
    /// Stops them.
    fn detach(&self, shard: ShardId, session: SessionId, epoch: Epoch);
    /// Gives a session back once all that the node has submitted is applied.
    fn release(&self, shard: ShardId, release: quorate_shard::Release);
    /// Sends publishes to clients of another node, and [`ToWorker::Receipts`] with the tickets once it has them
    /// or is gone.
    fn publish(&self, worker: u16, node: NodeId, batch: CrossBatch, tickets: Vec<u64>);
    /// Notes what this worker's connections want now; `confirm` is dropped once every node routes by it.
    fn interest(&self, worker: u16, changes: &[(Arc<str>, Interest)], confirm: Confirm);
    /// Reads what is retained for the filters and sends [`ToWorker::Retained`] with the ticket.
    fn read_retained(&self, worker: u16, ticket: u64, filters: Vec<Arc<str>>);
}

/// A worker that is not running yet: its mailbox can be handed out before the others exist.
pub struct Worker {
    poll: mio::Poll,
    mailbox: Arc<Mailbox>,
}

impl Worker {
    /// Makes the poll and the mailbox.
    ///
    /// # Errors
    /// The operating system gives no epoll instance or no eventfd.
    pub fn new() -> std::io::Result<Self> {
        let poll = mio::Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(EventLoop::waker(&poll)?));
        Ok(Self { poll, mailbox })
    }

    /// How others talk to it.
    pub fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Starts the thread. `mailboxes` are those of all workers, in order; nothing is told to a client while
    /// `fence` is not held.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        self,
        settings: CoreSettings,
        registry: Arc<Registry>,
        counters: Arc<WorkerCounters>,
        mailboxes: Arc<[Arc<Mailbox>]>,
        outside: Box<dyn Outside>,
        fence: Fence,
    ) -> std::io::Result<JoinHandle<std::io::Result<()>>> {
        let name = format!("worker-{}", settings.id);
        let Self { poll, mailbox } = self;
        std::thread::Builder::new().name(name).spawn(move || {
            let core = Core::new(settings, registry, counters);
            EventLoop::new(poll, mailbox, core, mailboxes, outside, fence).run()
        })
    }
}
