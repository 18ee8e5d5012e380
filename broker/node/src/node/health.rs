//! Whether the node may be sent clients: every group has a leader, the lease is held, and publishes are
//! routed by what the shards want.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::http::Health;
use crate::raft::{GroupStatus, Groups};

/// See the module. Begins without groups: the node looks for its cluster, or reads its log.
#[derive(Default)]
pub(super) struct NodeHealth {
    groups: OnceLock<Groups>,
    interest_loaded: AtomicBool,
}

impl NodeHealth {
    /// Notes that the groups are up.
    pub(super) fn has_groups(&self, groups: Groups) {
        let _ = self.groups.set(groups);
    }

    /// Notes that the workers route by all interest that was there at the start.
    pub(super) fn interest_is_loaded(&self) {
        self.interest_loaded.store(true, Ordering::Release);
    }
}

impl Health for NodeHealth {
    fn missing(&self) -> Option<String> {
        let Some(groups) = self.groups.get() else {
            return Some("the node looks for its cluster, or reads its log".to_owned());
        };
        let led = |status: GroupStatus| status.leader.is_some();
        if !led(groups.control_status()) {
            return Some("the control group has no leader".to_owned());
        }
        for shard in 0..groups.shard_count() {
            if !led(groups.shard_status(shard)) {
                return Some(format!("shard {shard} has no leader"));
            }
        }
        if !groups.fence().is_held() {
            return Some("the cluster has not confirmed this node's lease".to_owned());
        }
        let loaded = self.interest_loaded.load(Ordering::Acquire);
        (!loaded).then(|| "the workers do not know all subscriptions yet".to_owned())
    }
}
