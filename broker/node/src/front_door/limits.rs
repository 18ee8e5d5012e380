//! Bounds of the front door that nobody needs to configure; the others are `limits.*` of the configuration.

use std::time::Duration;

/// Bytes that rustls may buffer for one connection in each direction: one full record.
pub(super) const TLS_BUFFER_BYTES_MAX: usize = 16 * 1024;
/// First read of a stranger in bytes; nearly every CONNECT fits.
pub(super) const FIRST_READ_BYTES: usize = 1_024;
/// Connections the kernel may hold for us before `accept`. A reconnect storm should wait there and not be
/// refused; the kernel caps this at its own `somaxconn`.
pub(super) const BACKLOG_CONNECTIONS_MAX: i32 = 4_096;
/// Time that authentication, the claim and the end of the earlier connection may take together. A claim
/// is a commit: seconds mean that the shard has no leader.
pub(super) const LOGIN_SECONDS_MAX: Duration = Duration::from_secs(20);
/// Time to write a refusal. It fits any socket buffer that is not full; nobody waits for a stranger.
pub(super) const REFUSE_SECONDS_MAX: Duration = Duration::from_secs(2);
/// Pause after `accept` has failed for want of descriptors or memory: trying again at once would only
/// burn the core that could free some.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often files that may change are looked at.
pub(super) const RELOAD_EVERY: Duration = Duration::from_secs(2);
/// Open files beside connections: log segments, snapshots, listeners, HTTP, event loops.
pub(super) const DESCRIPTORS_SPARE: u64 = 512;
/// Bytes of a WebSocket upgrade request. Browsers send about one KiB, more where cookies are.
pub(super) const UPGRADE_BYTES_MAX: usize = 16 * 1024;
/// Headers of a WebSocket upgrade request; browsers send about 15, proxies add some.
pub(super) const UPGRADE_HEADERS_MAX: usize = 64;
/// Bytes behind the head of a PROXY header of version 2: addresses and what else proxies tell. They say
/// some dozens of bytes, a client certificate's names included some hundreds.
pub(super) const PROXY_BYTES_MAX: usize = 4 * 1024;
