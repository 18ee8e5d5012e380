//! Bounds of the admin service and its client.

use std::time::Duration;

/// Connections at once: some people, some programs. One more is closed.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Handshakes done that the server has not taken yet.
pub(super) const ACCEPTED_MAX: usize = 8;
/// A stranger gets no more time for a handshake.
pub(super) const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);
/// Calls at once per connection; an operator's program needs few.
pub(super) const CALLS_PER_CONNECTION_MAX: u32 = 16;
/// Size of a request; all of them are small.
pub(super) const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// A silent connection is asked whether it is there, and closed if it is not.
pub(super) const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// See [`KEEP_ALIVE_INTERVAL`].
pub(super) const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(10);
/// Time for a node that was told what to do to become a member: it may have to wait for an election.
pub(super) const BEGIN_WAIT: Duration = Duration::from_secs(60);
/// Time for open calls when the node ends.
pub(super) const SHUTDOWN_WAIT: Duration = Duration::from_secs(1);

/// The client waits this long for an answer; longer than the node itself tries.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(90);
/// Other nodes are asked for what only they know; one that does not answer is not waited for.
pub(super) const OTHERS_WAIT: Duration = Duration::from_secs(1);
/// How long a drain is watched.
pub(super) const DRAIN_WAIT: Duration = Duration::from_secs(30);
/// Pause between two looks at it.
pub(super) const DRAIN_INTERVAL: Duration = Duration::from_millis(300);
