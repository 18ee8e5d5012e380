//! What other nodes ask of the shards of this node: batches to propose, sessions to attach, deliveries to
//! take, connections to close, retained messages to read. Silence is an answer: the other side tries again.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use quorate_shard::{NodeId, Owner, ShardId};
use tokio::sync::{Semaphore, oneshot};

use super::groups::{Groups, Inner};
use super::limits::{CLOSE_DEADLINE, RETAINED_READS_MAX};
use super::retained::Cursors;
use super::shard_handle::ShardHandle;
use crate::convert::{self, CloseRequest, Malformed, RetainedRequest};
use crate::delivery::Deliveries;
use crate::peers::{Block, Handler, Kind, Peers, Replier, Sender};

/// See the module.
pub(super) struct Answers {
    groups: Weak<Inner>,
    hooks: Arc<dyn Deliveries>,
    cursors: Arc<Cursors>,
    reads: Arc<Semaphore>,
}

impl Answers {
    /// Answers from now on.
    pub(super) fn register(groups: &Groups, hooks: Arc<dyn Deliveries>, peers: &Peers) {
        let answers = Arc::new(Self {
            groups: Arc::downgrade(&groups.0),
            hooks,
            cursors: Arc::default(),
            reads: Arc::new(Semaphore::new(RETAINED_READS_MAX)),
        });
        for block in [Block::Forward, Block::Session, Block::Retained] {
            peers.register(block, Arc::clone(&answers) as _);
        }
    }

    fn answer(
        &self,
        from: NodeId,
        kind: Kind,
        body: Bytes,
        reply: Replier,
    ) -> Result<(), Malformed> {
        let Some(inner) = self.groups.upgrade() else {
            return Ok(());
        };
        if kind == Kind::Forward {
            let (shard, request) = convert::decode_forward(body)?;
            shard_of(&inner, shard)?.intake.take(from, request, reply);
        } else if kind == Kind::Attach {
            attach(&inner, from, body, reply)?;
        } else if kind == Kind::Detach {
            let (shard, sessions) = convert::decode_sessions(body)?;
            let mut state = shard_of(&inner, shard)?.machine.state();
            for (session, epoch) in sessions {
                state.dispatcher.detach(session, epoch);
            }
        } else if kind == Kind::Deliver {
            let (shard, now, pieces) = convert::decode_deliver(body)?;
            let not_taken = shard_of(&inner, shard)?.attachments.take(now, pieces);
            reply.send(convert::encode_not_taken(&not_taken));
        } else if kind == Kind::Close {
            self.close(Groups(inner), convert::decode_close(body)?, reply);
        } else if kind == Kind::Retained {
            let (shard, request) = convert::decode_retained(body)?;
            shard_of(&inner, shard)?;
            self.read(Groups(inner), from, shard, request, reply);
        } else {
            tracing::debug!(?kind, from, "a peer asks for what nobody answers");
        }
        Ok(())
    }

    /// Answers when the connection is closed and nothing of it is on its way any more: the next one sends its
    /// messages again elsewhere, where what comes late from here would count as new (P4).
    fn close(&self, groups: Groups, request: CloseRequest, reply: Replier) {
        let node = groups.node();
        match request {
            CloseRequest::Client(client_id, epoch) => {
                let (told, closed) = oneshot::channel::<()>();
                let told = Box::new(move || drop(told));
                self.hooks.close_client(client_id, epoch, told);
                // Ends at the latest when the caller's patience does: it asks again.
                tokio::spawn(tokio::time::timeout(CLOSE_DEADLINE, async move {
                    let _ = closed.await;
                    groups.caught_up().await;
                    reply.send(Bytes::new());
                }));
            }
            CloseRequest::Session(shard, (session, epoch)) => {
                self.hooks.close(shard, session, Owner { node, epoch });
            }
        }
    }

    fn read(
        &self,
        groups: Groups,
        from: NodeId,
        shard: ShardId,
        request: RetainedRequest,
        reply: Replier,
    ) {
        let filter = match request {
            RetainedRequest::Filter(filter) => filter,
            RetainedRequest::Cursor(cursor) => {
                if let Some(piece) = self.cursors.go_on(from, cursor) {
                    reply.send(piece);
                }
                return;
            }
        };
        let Ok(permit) = Arc::clone(&self.reads).try_acquire_owned() else {
            return;
        };
        let cursors = Arc::clone(&self.cursors);
        tokio::spawn(async move {
            let found = groups.shard(shard).retained_here(&filter).await;
            if let Some(found) = found {
                reply.send(cursors.begin(from, found));
            }
            drop(permit);
        });
    }
}

impl Handler for Answers {
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier) {
        if let Err(error) = self.answer(from.node, kind, body, reply) {
            tracing::warn!(?kind, from = from.node, %error, "a peer's frame is damaged");
        }
    }
}

fn attach(inner: &Inner, from: NodeId, body: Bytes, reply: Replier) -> Result<(), Malformed> {
    let (shard, sessions) = convert::decode_sessions(body)?;
    let mut state = shard_of(inner, shard)?.machine.state();
    let state = &mut *state;
    let taken = state
        .dispatcher
        .attach_remote(&state.shard, from, &sessions);
    if taken {
        reply.send(Bytes::new());
    }
    Ok(())
}

fn shard_of(inner: &Inner, shard: ShardId) -> Result<&ShardHandle, Malformed> {
    let unknown = Malformed::Range {
        field: "shard",
        value: shard.into(),
    };
    inner.shards.get(usize::from(shard)).ok_or(unknown)
}
