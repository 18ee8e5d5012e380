//! What is handed in, and how the outcome is handed back.

use quorate_shard::{Command, Outcome};
use tokio::sync::oneshot;

/// One command and who waits for its outcome.
#[derive(Debug)]
pub struct Request {
    /// The command.
    pub command: Command,
    /// Who is told.
    pub reply: ReplyTo,
}

/// Who is told the outcome of a command. It is told once; only when the node stops it may be never.
#[derive(Debug)]
pub enum ReplyTo {
    /// A worker, through [`Completions`].
    Worker {
        /// Index of the worker.
        worker: u16,
        /// The worker's own name for what waits.
        ticket: u64,
    },
    /// A task.
    Oneshot(oneshot::Sender<Outcome>),
    /// Nobody.
    None,
}

/// Takes outcomes to the workers' mailboxes.
pub trait Completions: Send + Sync {
    /// Hands over outcomes of commands that were applied together, in the order of the batch. Called
    /// from the thread that applies (or that submits, when a command is refused at once): it must not block.
    fn complete(&self, worker: u16, outcomes: Vec<(u64, Outcome)>);
}

/// Why an answer did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Not within the deadline; the command may be applied yet.
    #[error("the shard did not answer in time")]
    Deadline,
    /// This node stops.
    #[error("the node is stopping")]
    Stopped,
}
