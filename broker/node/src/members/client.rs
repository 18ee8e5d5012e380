//! Commands for the control group from any node: proposed here, or by its leader on another node.

use std::time::Duration;

use bytes::Bytes;
use quorate_control::{Command, NodeId, Outcome};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::limits::{CONTROL_CALL_DEADLINE, CONTROL_RETRY};
use crate::convert;
use crate::peers::{Kind, Lane, Peers};
use crate::raft::{Group, ProposeError, Reply};
use crate::shard_client::Unavailable;

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ControlClient {
    pub(super) group: Group,
    pub(super) peers: Peers,
    pub(super) node: NodeId,
}

impl ControlClient {
    pub(crate) fn new(group: Group, peers: Peers, node: NodeId) -> Self {
        Self { group, peers, node }
    }

    /// Has a command committed. Tried again until the deadline, also when the outcome of a try is unknown,
    /// unless doing it twice would tell the caller something wrong.
    ///
    /// # Errors
    ///
    /// No answer in time; the command may be applied yet.
    pub(crate) async fn change(
        &self,
        command: Command,
        deadline: Duration,
    ) -> Result<Outcome, Unavailable> {
        let once = matches!(command, Command::SetRole(_) | Command::Left(_));
        let bytes = convert::encode_control(command);
        let until = Instant::now() + deadline;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Unavailable::Deadline);
            }
            match self.attempt(bytes.clone(), left).await {
                Ok(outcome) => return Ok(outcome),
                Err(ProposeError::Stopped) => return Err(Unavailable::Stopped),
                Err(ProposeError::Unknown) if once => return Err(Unavailable::Deadline),
                Err(ProposeError::Refused | ProposeError::Unknown) => {
                    tokio::time::sleep(CONTROL_RETRY.min(left)).await;
                }
            }
        }
    }

    async fn attempt(&self, bytes: Bytes, left: Duration) -> Result<Outcome, ProposeError> {
        let leader = *self.group.leader().borrow();
        let deadline = CONTROL_CALL_DEADLINE.min(left);
        match leader {
            None => Err(ProposeError::Refused),
            Some(leader) if leader == self.node => {
                let answer = tokio::time::timeout(deadline, propose(&self.group, bytes)).await;
                answer.unwrap_or(Err(ProposeError::Unknown))
            }
            Some(leader) => {
                let (lane, kind) = (Lane::Control, Kind::Control);
                let answer = self.peers.call(leader, lane, kind, bytes, deadline).await;
                let answer = answer.map_err(|_| ProposeError::Unknown)?;
                let answer = convert::decode_control_answer(answer);
                answer.unwrap_or(Err(ProposeError::Unknown))
            }
        }
    }
}

/// Proposes an encoded command here.
pub(super) async fn propose(group: &Group, bytes: Bytes) -> Result<Outcome, ProposeError> {
    let (told, answer) = oneshot::channel();
    let done = move |result: Result<Reply, ProposeError>| {
        let _ = told.send(result);
    };
    group.propose(bytes, done).await;
    match answer.await {
        Ok(Ok(Reply::Control(outcome))) => Ok(outcome),
        Ok(Ok(Reply::None | Reply::Shard(_))) | Err(_) => Err(ProposeError::Stopped),
        Ok(Err(error)) => Err(error),
    }
}
