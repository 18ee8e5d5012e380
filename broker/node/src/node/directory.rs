//! The session directory as the front door sees it: claims committed in their shard, earlier connections
//! closed, on this node and on others, before a new one opens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use quorate_control::Control;
use quorate_router::ConnectionId;
use quorate_shard::{
    Claim, Claimed, Command, Epoch, Incarnation, NodeId, Outcome, Owner, Release, ReleaseNode,
    ShardId,
};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::convert::{self, CloseRequest};
use crate::front_door::{ClaimError, ClaimRequest, Sessions};
use crate::peers::{Kind, Lane};
use crate::raft::Groups;
use crate::registry::Registry;
use crate::shard_client::{ReplyTo, Request};
use crate::worker::{Mailbox, OnDrop, ToWorker};

/// How long a CONNECT may wait for its claim to be committed.
const CLAIM_DEADLINE: Duration = Duration::from_secs(10);

/// How long a CONNECT may wait for older connections to be closed: longer than a lease.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a node may take to close a connection before it is asked again.
const ASK_DEADLINE: Duration = Duration::from_secs(2);

/// Wait before a node that cannot be reached is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Directory {
    groups: Groups,
    registry: Arc<Registry>,
    mailboxes: Arc<[Arc<Mailbox>]>,
    /// Per node, the lives before which everything is refused in every shard, as this node has asked for.
    fenced: Mutex<BTreeMap<NodeId, Incarnation>>,
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
            fenced: Mutex::default(),
        }
    }

    /// Has every shard refuse what lives that are over still have on the way, before anything of a client that came
    /// from there: it sends its messages again, and a late copy would count as new once they are forgotten (P4).
    /// Leaders do the same by themselves, but may hear later that a life is over than this node.
    fn fence_ended_lives(&self) {
        let control = Arc::clone(&self.groups.control().borrow());
        let own = self.groups.node();
        for (node, member) in control.members().filter(|(node, _)| *node != own) {
            let before = member.incarnation + u64::from(!member.is_live());
            let mut fenced = self.fenced.lock().unwrap_or_else(PoisonError::into_inner);
            if fenced.insert(node, before) == Some(before) {
                continue;
            }
            for shard in 0..self.groups.shard_count() {
                let command = Command::ReleaseNode(ReleaseNode { node, before });
                let reply = ReplyTo::None;
                self.groups.submit(shard, vec![Request { command, reply }]);
            }
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
        let here = match self.registry.claim(&client_id, claimed.epoch) {
            Ok(before) => before.and_then(|entry| entry.connection),
            // Somebody with the same client id was quicker and is newer: this one has lost it already.
            Err(_) => return Err(ClaimError::Unavailable),
        };
        let closing = async {
            let elsewhere = async {
                if claimed.previous.is_some() {
                    self.close_elsewhere(&client_id, claimed.epoch).await;
                }
            };
            tokio::join!(self.take_over(here), elsewhere);
        };
        if timeout(CLOSE_DEADLINE, closing).await.is_err() {
            self.give_back(&client_id, &claimed);
            return Err(ClaimError::Unavailable);
        }
        self.fence_ended_lives();
        Ok(claimed)
    }

    /// Has connections of other nodes closed that hold the client id under an older claim. All live nodes
    /// are asked, not only the last owner's: that one may be waiting for an older owner itself.
    async fn close_elsewhere(&self, client_id: &Arc<str>, epoch: Epoch) {
        let body = convert::encode_close(&CloseRequest::Client(client_id.clone(), epoch));
        let control = Arc::clone(&self.groups.control().borrow());
        let own = self.groups.node();
        let others = control.members().map(|(node, _)| node);
        let others = others.filter(|node| *node != own);
        join_all(others.map(|node| self.close_at(node, &body))).await;
    }

    /// Completes when the node has answered, or its lease has ended: then its clients are closed.
    async fn close_at(&self, node: NodeId, body: &Bytes) {
        let mut control = self.groups.control();
        let over = async {
            let over = |control: &Arc<Control>| {
                let member = control.member(node);
                member.is_none_or(|member| !member.is_live())
            };
            // An error means that this node is stopping.
            let _ = control.wait_for(over).await;
        };
        let asking = async {
            let peers = self.groups.peers();
            let ask = || peers.call(node, Lane::Append, Kind::Close, body.clone(), ASK_DEADLINE);
            while ask().await.is_err() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        tokio::select! {
            () = over => {}
            () = asking => {}
        }
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
        match timeout(CLAIM_DEADLINE, &mut outcome).await {
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

    async fn take_over(&self, connection: Option<(u16, ConnectionId)>) {
        let Some((worker, connection)) = connection else {
            return;
        };
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
        Box::pin(async move {
            // A node that may be cut off takes nobody.
            if !self.groups.fence().is_held() {
                return Err(ClaimError::Unavailable);
            }
            self.commit(request).await
        })
    }

    /// They are closed as part of the claim.
    fn close_previous<'a>(&'a self, _: &'a Arc<str>, _: Owner) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn give_back(&self, client_id: &Arc<str>, claimed: &Claimed) {
        let shard = self.groups.slots().shard_of(client_id.as_bytes());
        self.registry.close(client_id, claimed.epoch);
        release(&self.groups, shard, claimed);
    }
}
