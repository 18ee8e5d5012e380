//! Whether the node may be sent clients: every group has a leader, the lease is held, and publishes are
//! routed by what the shards want.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::http::Health;
use crate::raft::{GroupStatus, Groups};

/// See the module.
pub(super) struct NodeHealth {
    groups: Groups,
    interest_loaded: AtomicBool,
}

impl NodeHealth {
    pub(super) fn new(groups: Groups) -> Self {
        Self {
            groups,
            interest_loaded: AtomicBool::new(false),
        }
    }

    /// Notes that the workers route by all interest that was there at the start.
    pub(super) fn interest_is_loaded(&self) {
        self.interest_loaded.store(true, Ordering::Release);
    }
}

impl Health for NodeHealth {
    fn missing(&self) -> Option<String> {
        let led = |status: GroupStatus| status.leader.is_some();
        if !led(self.groups.control_status()) {
            return Some("the control group has no leader".to_owned());
        }
        for shard in 0..self.groups.shard_count() {
            if !led(self.groups.shard_status(shard)) {
                return Some(format!("shard {shard} has no leader"));
            }
        }
        if !self.groups.fence().is_held() {
            return Some("the cluster has not confirmed this node's lease".to_owned());
        }
        let loaded = self.interest_loaded.load(Ordering::Acquire);
        (!loaded).then(|| "the workers do not know all subscriptions yet".to_owned())
    }
}
