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
}

/// How far the node has come.
#[derive(Default)]
pub(super) enum Stage {
    /// It asks to be told.
    Waiting(Option<oneshot::Sender<Decision>>),
    /// It is on its way.
    #[default]
    Starting,
    /// It is a member.
    Member(Arc<dyn ClusterAccess>),
}

impl Default for Desk {
    /// Of a node that is starting.
    fn default() -> Self {
        Self {
            stage: Arc::new(watch::Sender::default()),
        }
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stage = match &*self.stage.borrow() {
            Stage::Waiting(_) => "waiting",
            Stage::Starting => "starting",
            Stage::Member(_) => "member",
        };
        f.debug_tuple("Desk").field(&stage).finish()
    }
}

impl Desk {
    /// Waits until somebody says what to do; the node is starting from then on.
    pub async fn decision(&self) -> Decision {
        loop {
            let (told, decision) = oneshot::channel();
            self.stage.send_replace(Stage::Waiting(Some(told)));
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
            Stage::Waiting(_) | Stage::Starting => Err(ChangeError::NotMember),
        }
    }

    /// Tells the node what to do, and waits until it is a member.
    pub(super) async fn decide(
        &self,
        decision: Decision,
    ) -> Result<Arc<dyn ClusterAccess>, ChangeError> {
        let told = self.stage.send_if_modified(|stage| {
            let Stage::Waiting(waiting) = stage else {
                return false;
            };
            let told = waiting.take().map(|told| told.send(decision));
            *stage = Stage::Starting;
            matches!(told, Some(Ok(())))
        });
        if !told {
            return Err(ChangeError::NotWaiting);
        }
        let mut stages = self.stage.subscribe();
        let member = stages.wait_for(|stage| matches!(stage, Stage::Member(_)));
        match timeout(BEGIN_WAIT, member).await {
            Ok(Ok(_)) => self.access(),
            Ok(Err(_)) | Err(_) => Err(ChangeError::Unknown),
        }
    }
}
