//! The leader of a shard releases sessions that dead lives of nodes hold: their wills are due, and nothing
//! that those lives still have on the way may count.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_control::{Control, Incarnation, NodeId};
use quorate_shard::{Command, ReleaseNode, ShardId};
use tokio::sync::watch;

use super::limits::RELEASE_DEADLINE;
use crate::raft::{Groups, Leadership, WeakGroups};

/// Works on one shard for as long as this node lives; acts while it leads the shard.
pub(super) async fn release(
    groups: WeakGroups,
    shard: ShardId,
    mut control: watch::Receiver<Arc<Control>>,
    mut leadership: watch::Receiver<Leadership>,
) {
    let mut done = BTreeMap::new();
    loop {
        if *leadership.borrow_and_update() == Leadership::Leading {
            let state = Arc::clone(&control.borrow_and_update());
            let Some(groups) = groups.upgrade() else {
                return;
            };
            if release_dead(&groups, shard, &state, &mut done)
                .await
                .is_err()
            {
                continue;
            }
        } else {
            done.clear();
        }
        tokio::select! {
            changed = leadership.changed() => if changed.is_err() { return },
            changed = control.changed() => if changed.is_err() { return },
        }
    }
}

async fn release_dead(
    groups: &Groups,
    shard: ShardId,
    control: &Control,
    done: &mut BTreeMap<NodeId, Incarnation>,
) -> Result<(), crate::shard_client::Unavailable> {
    for (node, member) in control.members() {
        let over = member.lease_ended || member.suspended;
        let before = member.incarnation + u64::from(over);
        if done.get(&node) == Some(&before) {
            continue;
        }
        let command = Command::ReleaseNode(ReleaseNode { node, before });
        groups.call(shard, command, RELEASE_DEADLINE).await?;
        done.insert(node, before);
    }
    Ok(())
}
