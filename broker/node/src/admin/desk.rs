//! Where the admin service and the node's start meet: how far the node has come, and what it was told to
//! do. Starts nothing.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::access::{ChangeError, ClusterAccess};
use super::limits::BEGIN_WAIT;

/// What a node with `--bootstrap wait` was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make a new cluster of one.
    Begin,
    /// Join the cluster behind these peer addresses, as a learner.
    Join(Vec<String>),
}

/// See the module. Cheap to clone; all clones are one desk.
#[derive(Clone)]
pub struct Desk {
    stage: Arc<watch::Sender<Stage>>,
    /// What other nodes dial to reach this one.
    peer_address: Arc<str>,
}

/// How far the node has come.
#[derive(Default)]
pub(super) enum Stage {
    /// It asks to be told.
    Waiting {
        /// Names this wait.
        ticket: String,
        told: Option<oneshot::Sender<Decision>>,
    },
    /// It is on its way.
    #[default]
    Starting,
    /// It is a member.
    Member(Arc<dyn ClusterAccess>),
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match &*self.stage.borrow() {
            Stage::Waiting { .. } => "waiting",
            Stage::Starting => "starting",
            Stage::Member(_) => "member",
        };
        f.debug_tuple("Desk").field(&stage).finish()
    }
}

impl Desk {
    /// Of a node that is starting, and that other nodes reach under this address.
    pub fn new(peer_address: &str) -> Self {
        Self {
            stage: Arc::new(watch::Sender::default()),
            peer_address: peer_address.into(),
        }
    }

    /// Waits until somebody says what to do; the node is starting from then on. The ticket is random.
    pub async fn decision(&self, ticket: &str) -> Decision {
        loop {
            let (told, decision) = oneshot::channel();
            self.stage.send_replace(Stage::Waiting {
                ticket: ticket.to_owned(),
                told: Some(told),
            });
            // An error means that somebody else waits now; there is one decision for one of us.
            if let Ok(decision) = decision.await {
                return decision;
            }
        }
    }

    /// The node is a member now, and this is what it can tell and do.
    pub fn is_member(&self, access: Arc<dyn ClusterAccess>) {
        self.stage.send_replace(Stage::Member(access));
    }

    /// The node has to start anew.
    pub fn is_starting(&self) {
        self.stage.send_replace(Stage::Starting);
    }

    pub(super) fn stage(&self) -> watch::Ref<'_, Stage> {
        self.stage.borrow()
    }

    pub(super) fn access(&self) -> Result<Arc<dyn ClusterAccess>, ChangeError> {
        match &*self.stage() {
            Stage::Member(access) => Ok(Arc::clone(access)),
            Stage::Waiting { .. } | Stage::Starting => Err(ChangeError::NotMember),
        }
    }

    pub(super) fn peer_address(&self) -> &str {
        &self.peer_address
    }

    /// Tells the node what to do, and waits until it is a member. `seen` is the ticket of the wait that is
    /// meant; empty means any.
    pub(super) async fn decide(
        &self,
        seen: &str,
        decision: Decision,
    ) -> Result<Arc<dyn ClusterAccess>, ChangeError> {
        let mut refusal = ChangeError::NotWaiting;
        let told = self.stage.send_if_modified(|stage| {
            let Stage::Waiting { ticket, told } = stage else {
                return false;
            };
            if !seen.is_empty() && seen != ticket {
                refusal = ChangeError::OtherTicket;
                return false;
            }
            let told = told.take().map(|told| told.send(decision));
            *stage = Stage::Starting;
            matches!(told, Some(Ok(())))
        });
        if !told {
            return Err(refusal);
        }
        let mut stages = self.stage.subscribe();
        let member = stages.wait_for(|stage| matches!(stage, Stage::Member(_)));
        match timeout(BEGIN_WAIT, member).await {
            Ok(Ok(_)) => self.access(),
            Ok(Err(_)) | Err(_) => Err(ChangeError::Unknown),
        }
    }
}
