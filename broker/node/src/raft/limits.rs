//! Bounds and times of the Raft groups, with their reasons.

use std::time::Duration;

/// One record of a snapshot: an MQTT packet is at most 256 MiB, and a session's outcomes stay far below.
pub(super) const SNAPSHOT_RECORD_BYTES_MAX: usize = 512 << 20;

/// Log entries read at once, for replication and for replay: large enough to be few, small enough that
/// four groups at once do not matter.
pub(super) const ENTRIES_READ_BYTES_MAX: usize = 4 << 20;

/// Entries kept in the log although a snapshot has them: what a follower that was away shortly needs.
/// An entry is at most a batch, so this is at most some ten MiB.
pub(super) const SNAPSHOT_LOG_ENTRIES_KEPT: u64 = 16;

/// Time-outs measured in building-blocks §13: a dead leader is replaced in about a second, and no election
/// happens under full load.
pub(super) const ELECTION_MS_MIN: u64 = 300;
/// See [`ELECTION_MS_MIN`]; also the length of a leader's lease.
pub(super) const ELECTION_MS_MAX: u64 = 600;
/// See [`ELECTION_MS_MIN`].
pub(super) const HEARTBEAT_MS: u64 = 100;

/// Wait before a snapshot that failed (disk full) is tried again.
pub(super) const SNAPSHOT_RETRY: Duration = Duration::from_secs(5);

/// A proposal refused because the lease of a new leader is not there yet is tried again after this.
pub(super) const PROPOSE_RETRY: Duration = Duration::from_millis(2);

/// Start of one group of a node that is alone, replay of its log included. A full log of 64 MiB replays in
/// well under a second. Also after how long a node that waits for others says so again.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Lists of origins that wait to be forgotten; one per ended session. What does not fit stays in the state
/// and comes again with the next start.
pub(super) const FORGET_LISTS_MAX: usize = 1_024;

/// How often it is looked at who holds back old segments of the log.
pub(super) const LOG_UPKEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What is on its way at a shutdown may take this long: some syncs of a slow disk.
pub(super) const SHUTDOWN_DRAIN: Duration = Duration::from_secs(2);

/// A change of a group's members may take this long before it is looked at again; it may still come about.
pub(super) const CHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a node that stops waits for its goodbye to be committed.
pub(super) const GOODBYE_DEADLINE: Duration = Duration::from_millis(500);

/// How often a node that waits for others to start says so.
pub(super) const WAITING_NOTE: Duration = Duration::from_secs(10);

/// A piece of retained messages for another node is full at this size; a larger message goes alone. It
/// shares a lane with what is urgent.
pub(super) const RETAINED_PIECE_BYTES_MAX: usize = 1 << 20;

/// How long a leader on another node may take for one piece.
pub(super) const RETAINED_PIECE_DEADLINE: Duration = Duration::from_secs(2);

/// Rests of answers kept for other nodes; they share their messages with the state, so they cost little.
/// One that is gone is asked for again from the start.
pub(super) const RETAINED_CURSORS_MAX: usize = 256;

/// How long a rest is kept: a few deadlines.
pub(super) const RETAINED_CURSOR_KEPT: Duration = Duration::from_secs(10);

/// Reads for other nodes at once; one more is refused and asked for again.
pub(super) const RETAINED_READS_MAX: usize = 256;

/// Appends of one group to one follower without an answer: two to eight were measured best
/// (building-blocks §13).
pub(super) const APPENDS_IN_FLIGHT_MAX: usize = 8;
/// Their bytes: what a gigabit carries in a round trip of 60 ms. One that is larger goes alone.
pub(super) const APPEND_BYTES_IN_FLIGHT_MAX: usize = 8 << 20;

/// An append without an answer for so long is sent again. A follower answers when it is on its disk, and a
/// slow disk must not make everything come twice; that a peer is gone is noticed by its connection.
pub(super) const APPEND_DEADLINE: Duration = Duration::from_secs(5);

/// Appends of one group that a follower has not handed to consensus yet: openraft takes 64 at once.
pub(super) const APPENDS_WAITING_MAX: usize = 64;

/// Pause before a peer that is not connected is tried again.
pub(super) const PEER_RETRY: Duration = Duration::from_millis(50);

/// One piece of a snapshot on its way: large enough that a round trip for each does not matter.
pub(super) const SNAPSHOT_PIECE_BYTES: usize = 1 << 20;

/// Bytes of one group's snapshot in a second: leaves most of a gigabit to the others, and half of it to
/// clients when all groups send at once.
pub(super) const SNAPSHOT_BYTES_PER_SECOND_MAX: u64 = 32 << 20;

/// A piece that is not on the receiver's disk by then is sent again.
pub(super) const SNAPSHOT_PIECE_DEADLINE: Duration = Duration::from_secs(10);

/// An install reads, checks, copies and restores the whole state; a gigabyte takes some seconds.
pub(super) const SNAPSHOT_INSTALL_DEADLINE: Duration = Duration::from_secs(120);

/// A taken-over connection and what is on its way from it may take this long; who asked asks again then.
pub(super) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// A member is near while its last acknowledgement is at most so old: some heartbeats.
pub(super) const NEAR_WITHIN: Duration = Duration::from_millis(500);
