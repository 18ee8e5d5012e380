//! Bounds and times of membership and leases, with their reasons.

use std::time::Duration;

/// How long a node may go on after it has asked for its lease, in milliseconds. A dead control leader is
/// replaced in little more than a second (building-blocks §13); nobody may lose a lease over that, also when two
/// cores are busy.
pub(super) const LEASE_MS: u64 = 3_000;

/// By how much longer the control leader waits than the node itself, in milliseconds: more than
/// [`CONFIRMED_WITHIN`], and than what two monotonic clocks drift apart in a lease.
pub(super) const LEASE_MARGIN_MS: u64 = 500;

/// How often a lease is renewed: a lease survives many lost renewals.
pub(super) const RENEWAL_INTERVAL: Duration = Duration::from_millis(250);

/// A renewal that has no answer by then counts for nothing. Several may be on their way.
pub(super) const RENEWAL_DEADLINE: Duration = Duration::from_millis(1_500);

/// The control leader grants when a quorum has confirmed it at most so long ago; otherwise it asks the quorum.
/// Heartbeats are acknowledged every 100 ms.
pub(super) const CONFIRMED_WITHIN: Duration = Duration::from_millis(300);

/// How often the control leader looks at leases and members.
pub(super) const OVERSEER_INTERVAL: Duration = Duration::from_millis(100);

/// A control leader that finds itself asleep for so long counts all leases anew, in milliseconds.
pub(super) const STALL_MS_MAX: u64 = 1_000;

/// A cut between two nodes that both renew is resolved after this, in milliseconds: reconnecting takes less.
pub(super) const CUT_MS_MAX: u64 = 2_000;

/// A node has renewed lately if it did within this, in milliseconds: two renewals.
pub(super) const FRESH_MS: u64 = 600;

/// A suspended node that reaches everybody for so long may go on, in milliseconds.
pub(super) const RESUME_MS: u64 = 1_000;

/// One try of a control command at the leader; a silent leader is replaced in that time.
pub(super) const CONTROL_CALL_DEADLINE: Duration = Duration::from_secs(1);

/// Wait before a control command that was not taken is tried again.
pub(super) const CONTROL_RETRY: Duration = Duration::from_millis(20);

/// A control command that the control leader or the admin service makes.
pub(super) const CHANGE_DEADLINE: Duration = Duration::from_secs(5);

/// How often the leader of a group compares its members with the wanted ones.
pub(super) const CONVERGE_INTERVAL: Duration = Duration::from_millis(200);

/// Entries that a member may lack when it gets its vote: it has them within a round trip or two.
pub(super) const CATCH_UP_LAG_MAX: u64 = 64;

/// A leader keeps its group at least so long before it hands it to the node that should have it: groups
/// must not wander while nodes come and go.
pub(super) const BALANCE_AFTER: Duration = Duration::from_secs(3);

/// A leader that was asked to lead keeps its group at least so long: somebody wanted it there, and leaders
/// spread by themselves again afterwards.
pub(super) const HANDED_OVER_KEPT: Duration = Duration::from_secs(20);

/// A node leads groups at most so long without a lease: at a start, the control leader needs a moment to grant
/// one.
pub(super) const LEAD_WITHOUT_LEASE_MAX: Duration = Duration::from_secs(1);

/// A leader that no quorum confirms for so long hands its group to a voter that can be reached: many heartbeats.
pub(super) const LEAD_WITHOUT_QUORUM_MAX: Duration = Duration::from_secs(2);

/// A planned transfer that has not come about by then is tried with another voter.
pub(super) const TRANSFER_WAIT: Duration = Duration::from_millis(700);

/// How long a member that was removed is still listened to, so that it can be told.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// A node that every peer refuses as a stranger for so long was removed: a newcomer is known within
/// milliseconds.
pub(super) const STRANGER_AFTER: Duration = Duration::from_secs(5);

/// Wait before the next address is asked to take this node.
pub(super) const JOIN_RETRY: Duration = Duration::from_millis(300);

/// Release of a dead node's sessions in one shard; tried again after this.
pub(super) const RELEASE_DEADLINE: Duration = Duration::from_secs(5);
