//! The leader's side of forwarding: batches of other nodes are checked, stamped and proposed in the order
//! in which they came; their nodes are answered when they are applied. Silence means: send it again.

use std::sync::Arc;

use bytes::Bytes;
use quorate_shard::NodeId;
use tokio::sync::mpsc;

use super::completer::waits_for_interest;
use super::limits::FORWARDED_BATCHES_MAX;
use crate::convert::{self, ForwardReply, ForwardRequest, Malformed};
use crate::peers::Replier;
use crate::raft::{Group, ProposeError, Reply, ShardMachine, ShardReply, Way};

/// A batch of another node.
struct Forwarded {
    batch: Bytes,
    reply: Replier,
}

/// Takes what other nodes forward to one shard. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Intake {
    group: Group,
    machine: Arc<ShardMachine>,
    batches: mpsc::Sender<Forwarded>,
}

impl Intake {
    /// The intake of a shard, and the task that proposes.
    pub(crate) fn new(
        group: Group,
        machine: Arc<ShardMachine>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (batches, queue) = mpsc::channel(FORWARDED_BATCHES_MAX);
        let working = propose_all(group.clone(), Arc::clone(&machine), queue);
        let intake = Self {
            group,
            machine,
            batches,
        };
        (intake, working)
    }

    /// Something from a node. Never blocks; what cannot be done here is not answered.
    pub(crate) fn take(&self, from: NodeId, request: ForwardRequest, reply: Replier) {
        if self.group.way() != Way::Here {
            return;
        }
        match request {
            ForwardRequest::Batch(batch) => match check(from, &batch) {
                // With no room the reply is dropped, which is an answer.
                Ok(()) => drop(self.batches.try_send(Forwarded { batch, reply })),
                Err(error) => tracing::warn!(from, %error, "a peer's batch is damaged"),
            },
            ForwardRequest::Barrier(index) => self.when_confirmed(index, reply),
        }
    }

    /// A leader has applied everything that an earlier one committed, and has told all of its interest.
    fn when_confirmed(&self, index: u64, reply: Replier) {
        if self.machine.state().shard.applied() < index {
            return;
        }
        let barrier = self.machine.barrier();
        barrier.when_confirmed(barrier.issued(), move || reply.send(Bytes::new()));
    }
}

/// A batch that is committed and not understood would stop the group everywhere.
fn check(from: NodeId, batch: &Bytes) -> Result<(), Malformed> {
    let batch = convert::decode_batch(batch.clone())?;
    let own = batch.node == from && batch.sequence > 0;
    own.then_some(()).ok_or(Malformed::Range {
        field: "batch.node",
        value: batch.node,
    })
}

async fn propose_all(
    group: Group,
    machine: Arc<ShardMachine>,
    mut queue: mpsc::Receiver<Forwarded>,
) {
    while let Some(Forwarded { batch, reply }) = queue.recv().await {
        let stamped = convert::stamp_batch(&batch, machine.now());
        let barrier = Arc::clone(machine.barrier());
        let answer = move |result: Result<Reply, ProposeError>| match result {
            Ok(Reply::Shard(applied)) => {
                let confirmed = barrier.is_confirmed(applied.interest);
                reply.send(encode(applied, confirmed));
            }
            Ok(Reply::None | Reply::Control(_)) | Err(_) => drop(reply),
        };
        group.propose(stamped, answer).await;
    }
}

fn encode(applied: ShardReply, confirmed: bool) -> Bytes {
    let ShardReply {
        admission,
        outcomes,
        index,
        interest: _,
    } = applied;
    let confirmed = confirmed || !outcomes.iter().any(waits_for_interest);
    convert::encode_forward_reply(&ForwardReply {
        admission,
        outcomes,
        index,
        confirmed,
    })
}
