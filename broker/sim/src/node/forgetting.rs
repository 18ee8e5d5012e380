//! Origins that no shard needs to recognise any more: every other shard is told, then the one they are of, as the
//! groups' upkeep does.

use quorate_node::shard_client::{ReplyTo, Request};
use quorate_shard::{Command, Forget, Origin, Outcome, ShardId};
use tokio::sync::{mpsc, oneshot};

/// See the module.
pub(super) struct Forgetting {
    lists: mpsc::Receiver<Vec<Origin>>,
    current: Option<Current>,
}

struct Current {
    origins: Vec<Origin>,
    /// Shards that have to be told, the last one first.
    shards: Vec<ShardId>,
    answers: Vec<oneshot::Receiver<Outcome>>,
}

impl Forgetting {
    pub(super) fn new(lists: mpsc::Receiver<Vec<Origin>>) -> Self {
        Self {
            lists,
            current: None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.lists.is_empty()
    }

    /// Goes on when the answers of the shard before are there.
    pub(super) fn step(&mut self, count: ShardId, mut submit: impl FnMut(ShardId, Vec<Request>)) {
        if self.current.is_none() {
            self.current = self
                .lists
                .try_recv()
                .ok()
                .and_then(|origins| begin(origins, count));
        }
        let Some(current) = &mut self.current else {
            return;
        };
        current
            .answers
            .retain_mut(|answer| answer.try_recv().is_err());
        if !current.answers.is_empty() {
            return;
        }
        let Some(shard) = current.shards.pop() else {
            self.current = None;
            return;
        };
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for origin in &current.origins {
            let (told, answer) = oneshot::channel();
            let command = Command::Forget(Forget { origin: *origin });
            requests.push(Request {
                command,
                reply: ReplyTo::Oneshot(told),
            });
            answers.push(answer);
        }
        current.answers = answers;
        submit(shard, requests);
    }
}

fn begin(origins: Vec<Origin>, count: ShardId) -> Option<Current> {
    let own = match origins.first()? {
        Origin::Inbound { shard, .. } | Origin::Will { shard, .. } => *shard,
    };
    let others = (0..count).filter(|shard| *shard != own);
    let shards = std::iter::once(own).chain(others).collect();
    Some(Current {
        origins,
        shards,
        answers: Vec::new(),
    })
}
