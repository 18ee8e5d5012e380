//! Bounds and times of the streams between nodes, with their reasons.

use std::time::Duration;

use super::kind::Lane;

/// HTTP/2 windows of a stream and of a connection: the default of 64 KiB costs a fifth of the throughput
/// even on one machine (building-blocks §13).
pub(super) const WINDOW_BYTES: u32 = 8 << 20;

/// Frames are gathered in one chunk until it has this size: larger saves no CPU any more and makes a
/// heartbeat wait longer.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// A chunk as it may come: one frame with the largest MQTT packet (256 MiB) and what is around it.
pub(super) const CHUNK_BYTES_MAX: usize = 320 << 20;

/// Calls of one lane without an answer yet. Their frames may have left the queue, so bytes do not bound
/// them; a call that waits costs some hundred bytes.
pub(super) const CALLS_PENDING_MAX: usize = 65_536;

/// Bytes that wait for one peer to read them, by lane. A frame larger than the bound goes alone.
pub(super) fn queue_bytes_max(lane: Lane) -> usize {
    match lane {
        // Votes and heartbeats are some hundred bytes: a queue that long is a dead peer.
        Lane::Control => 1 << 20,
        // A second of the most that two cores replicate, and all append windows of all groups.
        Lane::Append => 64 << 20,
        // A few pieces of each group's snapshot: more would only wait in memory instead of on disk.
        Lane::Bulk => 16 << 20,
    }
}

/// Time for a TCP connection, its TLS handshake and the first chunk, each. Far above any round trip.
pub(super) const HELLO_WAIT: Duration = Duration::from_secs(3);

/// First and longest pause before a peer is dialled again. The longest is short enough that a peer that
/// came back is not waited for, and a peer that dials us is dialled back at once.
pub(super) const DIAL_PAUSE_MIN: Duration = Duration::from_millis(50);
/// See [`DIAL_PAUSE_MIN`].
pub(super) const DIAL_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A connection without traffic is asked for life this often, and ended when nothing comes back for
/// [`KEEP_ALIVE_WAIT`]: a cut link is known about as soon as a lease ends, a busy peer is not given up.
pub(super) const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// See [`KEEP_ALIVE_INTERVAL`].
pub(super) const KEEP_ALIVE_WAIT: Duration = Duration::from_secs(3);

/// How often calls whose time is over are looked for: their deadlines are hundreds of milliseconds.
pub(super) const SWEEP_INTERVAL: Duration = Duration::from_millis(20);

/// How often the certificate files are looked at.
pub(super) const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Connections to the port at once: three for each of 64 peers, again as many that are being replaced, and
/// some that want to join.
pub(super) const CONNECTIONS_MAX: usize = 512;

/// Streams of one connection: a lane or a join, and one that is being replaced.
pub(super) const STREAMS_PER_CONNECTION_MAX: u32 = 4;

/// Accepted connections that wait for the HTTP/2 server to take them.
pub(super) const ACCEPTED_MAX: usize = 16;

/// Nodes whose newest life is kept before the members are known.
pub(super) const STRANGERS_MAX: usize = 64;

/// Time for an answer to Join: the control group commits it.
pub(super) const JOIN_WAIT: Duration = Duration::from_secs(10);

/// Time that connections have to end at a shutdown: their streams have ended already.
pub(super) const SHUTDOWN_WAIT: Duration = Duration::from_millis(500);
