//! What a group asks of the pure state machine behind it, and what an apply answers.

use std::sync::Arc;

use bytes::Bytes;
use quorate_shard::{Admission, Outcome};

use crate::convert::Malformed;

/// A state machine with what must happen together with its applies. Several threads call it: the one that
/// applies, the one that makes snapshots, and readers; the implementation holds the lock.
pub(crate) trait Machine: Send + Sync + 'static {
    /// Applies one committed command.
    ///
    /// # Errors
    ///
    /// The command is not one of ours: the group must stop, since other replicas would differ.
    fn apply(&self, index: u64, command: Bytes) -> Result<Reply, MachineError>;

    /// The state as encoded records. Applies that come after the call are not in it; what is done lazily
    /// must not hold the state's lock.
    fn view(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send>;

    /// Replaces the state by what the records of a snapshot describe.
    ///
    /// # Errors
    ///
    /// They are not a complete snapshot of this group.
    fn restore(&self, records: Vec<Bytes>) -> Result<(), MachineError>;

    /// This node leads from now on, and has applied all that earlier leaders committed.
    fn lead(&self, term: u64);

    /// This node leads no longer.
    fn follow(&self);
}

/// What applying an entry came to, told to its proposer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The entry carried no command.
    None,
    /// Of the control group.
    Control(quorate_control::Outcome),
    /// Of a shard group.
    Shard(ShardReply),
}

/// What a batch came to.
#[derive(Debug, Clone)]
pub struct ShardReply {
    /// Whether the batch was taken.
    pub admission: Admission,
    /// One per command.
    pub outcomes: Arc<[Outcome]>,
    /// Where the batch is in the log.
    pub index: u64,
    /// Outcomes of subscribes may be told once interest up to this number is confirmed (P2).
    pub interest: u64,
}

/// Why a state machine could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    /// Bytes that nobody of us wrote.
    #[error("stored bytes are damaged")]
    Malformed(#[from] Malformed),
    /// A shard's snapshot does not fit.
    #[error("the shard's snapshot does not fit")]
    Shard(#[from] quorate_shard::RestoreError),
    /// The control group's snapshot does not fit.
    #[error("the control group's snapshot does not fit")]
    Control(#[from] quorate_control::RestoreError),
}
