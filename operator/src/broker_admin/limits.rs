//! Bounds of asking nodes.

use std::time::Duration;

/// TCP and TLS; a node in the same cluster network is there within milliseconds, or not at all.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// A status; a node tells what it knows without asking anybody.
pub(super) const ASK_WAIT: Duration = Duration::from_secs(3);
/// A change of the membership; the node itself tries for ten seconds.
pub(super) const CHANGE_WAIT: Duration = Duration::from_secs(12);
/// A node on its way into a cluster. It goes on without us, so that waiting longer gains nothing.
pub(super) const BEGIN_WAIT: Duration = Duration::from_secs(10);
/// A status has some hundred bytes per member and group.
pub(super) const REPLY_BYTES_MAX: usize = 1024 * 1024;
