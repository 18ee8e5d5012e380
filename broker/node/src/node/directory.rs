//! The session directory as the front door sees it: claims committed in their shard, earlier connections
//! of this node closed before a new one opens.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use quorate_shard::{Claim, Claimed, Command, Outcome, Owner, Release, ShardId};
use tokio::sync::oneshot;

use crate::front_door::{ClaimError, ClaimRequest, Sessions};
use crate::raft::Groups;
use crate::registry::{Entry, Registry};
use crate::shard_client::{ReplyTo, Request};
use crate::worker::{Mailbox, OnDrop, ToWorker};

/// How long a CONNECT may wait for its claim to be committed.
const CLAIM_DEADLINE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Directory {
    groups: Groups,
    registry: Arc<Registry>,
    mailboxes: Arc<[Arc<Mailbox>]>,
}

impl Directory {
    pub(super) fn new(
        groups: Groups,
        registry: Arc<Registry>,
        mailboxes: Arc<[Arc<Mailbox>]>,
    ) -> Self {
        Self {
            groups,
            registry,
            mailboxes,
        }
    }

    async fn commit(&self, request: ClaimRequest) -> Result<Claimed, ClaimError> {
        let ClaimRequest {
            client_id,
            clean_start,
            expiry_seconds,
            window,
            will,
        } = request;
        let shard = self.groups.slots().shard_of(client_id.as_bytes());
        let node = self.groups.node();
        let claim = Claim {
            client_id: client_id.clone(),
            node,
            clean_start,
            expiry_seconds,
            window,
            will,
        };
        let outcome = self.propose(shard, Command::Claim(claim)).await?;
        let claimed = match outcome {
            Outcome::Claimed(claimed) => *claimed,
            Outcome::QuotaExceeded => return Err(ClaimError::QuotaExceeded),
            Outcome::Done
            | Outcome::Subscribed(_)
            | Outcome::Unsubscribed(_)
            | Outcome::Published(_)
            | Outcome::InboundStarted { .. }
            | Outcome::InboundReleased(_)
            | Outcome::Stale => return Err(ClaimError::Unavailable),
        };
        match self.registry.claim(&client_id, claimed.epoch) {
            Ok(Some(Entry {
                connection: Some((worker, connection)),
                ..
            })) => {
                self.take_over(worker, connection).await;
            }
            Ok(_) => {}
            // Somebody with the same client id was quicker and is newer: this one has lost it already.
            Err(_) => return Err(ClaimError::Unavailable),
        }
        Ok(claimed)
    }

    /// Proposes a claim. One that is applied after the deadline is given back: nobody came of it.
    async fn propose(&self, shard: ShardId, command: Command) -> Result<Outcome, ClaimError> {
        let (sender, mut outcome) = oneshot::channel();
        self.groups.submit(
            shard,
            vec![Request {
                command,
                reply: ReplyTo::Oneshot(sender),
            }],
        );
        match tokio::time::timeout(CLAIM_DEADLINE, &mut outcome).await {
            Ok(answer) => answer.map_err(|_| ClaimError::Unavailable),
            Err(_) => {
                let groups = self.groups.clone();
                tokio::spawn(async move {
                    if let Ok(Outcome::Claimed(claimed)) = outcome.await {
                        release(&groups, shard, &claimed);
                    }
                });
                Err(ClaimError::Unavailable)
            }
        }
    }

    async fn take_over(&self, worker: u16, connection: quorate_router::ConnectionId) {
        let (sender, closed) = oneshot::channel::<()>();
        let confirm = OnDrop::new(Box::new(move || drop(sender)));
        let message = ToWorker::TakeOver {
            connection,
            closed: confirm,
        };
        self.mailboxes[usize::from(worker)].send(message);
        // The sender is dropped when the connection is closed, or with the mailbox when the node ends.
        let _ = closed.await;
    }
}

fn release(groups: &Groups, shard: ShardId, claimed: &Claimed) {
    let release = Release {
        session: claimed.session,
        epoch: claimed.epoch,
        fire_will: false,
        expiry_seconds: None,
    };
    let command = Command::Release(release);
    groups.submit(
        shard,
        vec![Request {
            command,
            reply: ReplyTo::None,
        }],
    );
}

impl Sessions for Directory {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Claimed, ClaimError>> {
        Box::pin(self.commit(request))
    }

    /// Connections of this node are closed as part of the claim; other nodes' come with their peers.
    fn close_previous<'a>(&'a self, _: &'a Arc<str>, _: Owner) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn give_back(&self, client_id: &Arc<str>, claimed: &Claimed) {
        let shard = self.groups.slots().shard_of(client_id.as_bytes());
        self.registry.close(client_id, claimed.epoch);
        release(&self.groups, shard, claimed);
    }
}
