//! Slow work of the groups: telling all shards what they may forget, and snapshots of groups whose old
//! entries keep the log from being freed.

use std::sync::Weak;

use quorate_shard::{Command, Forget, Origin};
use tokio::sync::{mpsc, oneshot};

use super::groups::{Groups, Inner};
use super::limits::LOG_UPKEEP_INTERVAL;
use crate::shard_client::{ReplyTo, Request};

/// Tells every shard to forget the origins; the shard they are of last, since that one stops reminding us.
pub(super) async fn forget(groups: Weak<Inner>, mut lists: mpsc::Receiver<Vec<Origin>>) {
    while let Some(origins) = lists.recv().await {
        let Some(groups) = groups.upgrade().map(Groups) else {
            return;
        };
        let Some(own) = origins.first().map(owner) else {
            continue;
        };
        let others = (0..groups.shard_count()).filter(|shard| *shard != own);
        for shard in others.chain([own]) {
            // One that does not answer leaves the origins where they are; they come again with the next start.
            if !forget_in(&groups, shard, &origins).await {
                break;
            }
        }
    }
}

async fn forget_in(groups: &Groups, shard: quorate_shard::ShardId, origins: &[Origin]) -> bool {
    let (requests, answers) = forget_requests(origins);
    groups.submit(shard, requests);
    for answer in answers {
        if answer.await.is_err() {
            return false;
        }
    }
    true
}

/// Asks groups for a snapshot when their few old entries hold back segments that others have left.
pub(super) async fn free_log(groups: Weak<Inner>) {
    loop {
        tokio::time::sleep(LOG_UPKEEP_INTERVAL).await;
        let Some(inner) = groups.upgrade() else {
            return;
        };
        let groups = std::iter::once(&inner.control).chain(inner.shards.iter().map(|s| &s.group));
        let groups: Vec<_> = groups.collect();
        let total: u64 = (0..)
            .zip(&groups)
            .map(|(number, _)| inner.wal.log_bytes(number))
            .sum();
        let bound = groups
            .iter()
            .map(|group| group.snapshot_log_bytes())
            .sum::<u64>()
            / 2;
        if total < bound {
            continue;
        }
        for (group, _) in inner.wal.pinned_by() {
            if let Some(group) = groups.get(group as usize) {
                group.want_snapshot();
            }
        }
    }
}

fn owner(origin: &Origin) -> quorate_shard::ShardId {
    match origin {
        Origin::Inbound { shard, .. } | Origin::Will { shard, .. } => *shard,
    }
}

fn forget_requests(
    origins: &[Origin],
) -> (Vec<Request>, Vec<oneshot::Receiver<quorate_shard::Outcome>>) {
    let request = |origin: &Origin| {
        let (told, answer) = oneshot::channel();
        let command = Command::Forget(Forget { origin: *origin });
        let reply = ReplyTo::Oneshot(told);
        (Request { command, reply }, answer)
    };
    origins.iter().map(request).unzip()
}
