//! What workers ask of the groups.

use std::sync::Arc;
use std::time::Duration;

use quorate_shard::{Epoch, SessionId, ShardId};
use tokio::runtime::Handle;

use crate::raft::Groups;
use crate::shard_client::Request;
use crate::worker::{Mailbox, Outside, ToWorker};

/// How long a SUBSCRIBE may wait for retained messages; then its connection is closed.
const RETAINED_DEADLINE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Errands {
    groups: Groups,
    mailboxes: Arc<[Arc<Mailbox>]>,
    runtime: Handle,
}

impl Errands {
    /// Must be called on the runtime that reads are to run on.
    pub(super) fn new(groups: Groups, mailboxes: Arc<[Arc<Mailbox>]>) -> Self {
        Self {
            groups,
            mailboxes,
            runtime: Handle::current(),
        }
    }
}

impl Outside for Errands {
    fn submit(&self, shard: ShardId, requests: Vec<Request>) {
        self.groups.submit(shard, requests);
    }

    fn attach(&self, shard: ShardId, session: SessionId, epoch: Epoch, worker: u16) {
        self.groups.attach(shard, session, epoch, worker);
    }

    fn detach(&self, shard: ShardId, session: SessionId, epoch: Epoch) {
        self.groups.detach(shard, session, epoch);
    }

    fn read_retained(&self, worker: u16, ticket: u64, filters: Vec<Arc<str>>) {
        let groups = self.groups.clone();
        let mailbox = self.mailboxes[usize::from(worker)].clone();
        self.runtime.spawn(async move {
            let mut found = Some(Vec::with_capacity(filters.len()));
            for filter in filters {
                let read = groups.retained(&filter, RETAINED_DEADLINE).await;
                match (read, &mut found) {
                    (Ok(messages), Some(found)) => found.push(messages),
                    (Err(error), _) => {
                        tracing::warn!(%error, "retained messages cannot be read");
                        found = None;
                        break;
                    }
                    (Ok(_), None) => break,
                }
            }
            mailbox.send(ToWorker::Retained { ticket, found });
        });
    }
}
