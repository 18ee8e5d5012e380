//! What this node answers its peers about membership: leases and control commands, as the control leader, and
//! newcomers, as anybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use prost::Message as _;
use quorate_control::{Addresses, Command, Control, Join, Life, Outcome};
use quorate_proto::peer::{
    JoinAnswer, JoinRequest, LeaseAnswer, LeaseRequest, MemberAddress, lease_answer,
};
use tokio::sync::watch;

use super::addresses::known_addresses;
use super::client::{ControlClient, propose};
use super::clock::now_ms;
use super::lease_table::{LeaseTable, Report, Verdict};
use super::limits::{CHANGE_DEADLINE, CONFIRMED_WITHIN};
use crate::convert;
use crate::peers::{Block, Handler, JoinHandler, Kind, Peers, Replier, Sender};
use crate::raft::{Group, Leadership};

/// See the module.
pub(crate) struct Service {
    group: Group,
    control: watch::Receiver<Arc<Control>>,
    table: Mutex<LeaseTable>,
}

impl Service {
    /// Answers the peers from now on.
    pub(crate) fn register(
        peers: &Peers,
        client: &ControlClient,
        control: watch::Receiver<Arc<Control>>,
    ) -> Arc<Self> {
        let service = Arc::new(Self {
            group: client.group.clone(),
            control: control.clone(),
            table: Mutex::default(),
        });
        peers.register(Block::Members, Arc::new(Answers(Arc::clone(&service))));
        peers.register_join(Arc::new(Joining {
            client: client.clone(),
            control,
        }));
        service
    }

    pub(super) fn table(&self) -> MutexGuard<'_, LeaseTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node asks for its lease.
    pub(super) async fn renew(&self, life: Life, request: LeaseRequest) -> LeaseAnswer {
        let revision = self.control.borrow().revision();
        let verdict = if self.is_confirmed().await {
            let report = Report {
                unreachable: request.unreachable.into_iter().collect(),
                caught_up: request.caught_up,
                led: (request.led.iter())
                    .map(|led| (led.group, led.revision))
                    .collect(),
            };
            let control = Arc::clone(&self.control.borrow());
            self.table().renew(&control, life, report, now_ms())
        } else {
            Verdict::NotLeading
        };
        let verdict = match verdict {
            Verdict::NotLeading => lease_answer::Verdict::NotLeading,
            Verdict::Granted => lease_answer::Verdict::Granted,
            Verdict::Suspended => lease_answer::Verdict::Suspended,
            Verdict::Over => lease_answer::Verdict::Over,
            Verdict::Removed => lease_answer::Verdict::Removed,
        };
        LeaseAnswer {
            verdict: verdict.into(),
            revision,
        }
    }

    /// Whether this node leads the control group, has applied what was committed before, and a quorum says
    /// so: a lease given by a leader that was replaced would overlap its end.
    async fn is_confirmed(&self) -> bool {
        if *self.group.leadership().borrow() != Leadership::Leading {
            return false;
        }
        self.group.was_confirmed_within(CONFIRMED_WITHIN) || self.group.linearize().await.is_ok()
    }
}

struct Answers(Arc<Service>);

impl Handler for Answers {
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier) {
        if kind == Kind::Lease {
            self.lease(from, body, reply);
        } else if kind == Kind::Control && convert::decode_control(body.clone()).is_ok() {
            // Read first: bytes that are no command would stop the group.
            let group = self.0.group.clone();
            tokio::spawn(async move {
                let result = propose(&group, body).await;
                reply.send(convert::encode_control_answer(result));
            });
        } else {
            tracing::debug!(?kind, "a frame that nobody answers");
        }
    }
}

impl Answers {
    fn lease(&self, from: Sender, body: Bytes, reply: Replier) {
        let Ok(request) = LeaseRequest::decode(body) else {
            return;
        };
        let service = Arc::clone(&self.0);
        let life = Life {
            node: from.node,
            incarnation: from.incarnation,
        };
        tokio::spawn(async move {
            let answer = service.renew(life, request).await;
            reply.send(answer.encode_to_vec().into());
        });
    }
}

struct Joining {
    client: ControlClient,
    control: watch::Receiver<Arc<Control>>,
}

impl JoinHandler for Joining {
    fn join(&self, request: JoinRequest) -> BoxFuture<'static, Result<JoinAnswer, String>> {
        let client = self.client.clone();
        let control = self.control.clone();
        Box::pin(async move { take_in(&client, control, request).await })
    }
}

async fn take_in(
    client: &ControlClient,
    mut control: watch::Receiver<Arc<Control>>,
    request: JoinRequest,
) -> Result<JoinAnswer, String> {
    let token = <[u8; 16]>::try_from(&*request.token).map_err(|_| "the token has not 16 bytes")?;
    let join = Join {
        token: u128::from_be_bytes(token),
        name: request.name,
        addresses: Addresses {
            peer: request.peer_address,
            client: request.client_address,
            admin: request.admin_address,
        },
        promote: request.promote,
    };
    let outcome = client.change(Command::Join(join), CHANGE_DEADLINE).await;
    let life = match outcome.map_err(|error| error.to_string())? {
        Outcome::Joined(life) => life,
        Outcome::Refused(refusal) => return Err(refusal.to_string()),
        Outcome::Done | Outcome::Started(_) | Outcome::Changed(_) => {
            return Err("the control group answers something else".to_owned());
        }
    };
    // The newcomer may be refused as a stranger by this very node until it is applied here.
    let known = control.wait_for(|control| control.member(life.node).is_some());
    let known = tokio::time::timeout(CHANGE_DEADLINE, known).await;
    let control = match known {
        Ok(Ok(control)) => Arc::clone(&control),
        Ok(Err(_)) | Err(_) => return Err("the member is not known here yet".to_owned()),
    };
    let cluster = control.cluster().ok_or("the cluster has not begun")?;
    let members = known_addresses(&control).into_iter();
    Ok(JoinAnswer {
        cluster: cluster.id.to_be_bytes().to_vec().into(),
        node: life.node,
        incarnation: life.incarnation,
        shards: cluster.slots.shard_count().into(),
        members: members
            .map(|peer| MemberAddress {
                node: peer.node,
                address: peer.address,
            })
            .collect(),
    })
}
