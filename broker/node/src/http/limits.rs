//! Bounds of the HTTP listener.

use std::time::Duration;

/// HTTP connections at the same time: probes, scrapers and people need a handful; the rest is room for
/// those that mean no good, at some 10 KiB each.
pub(super) const CONNECTIONS_MAX: usize = 256;
/// Time a client may keep silent, in the middle of a request or between two.
pub(super) const SILENCE_SECONDS_MAX: Duration = Duration::from_secs(5);
/// Life of one HTTP connection, so that one that sends a byte now and then frees its place too. No
/// multiple of the usual scrape intervals, so that it does not end just when the next scrape comes.
pub(super) const CONNECTION_SECONDS_MAX: Duration = Duration::from_secs(47);
/// Bytes of a request's body. Nothing here takes one.
pub(super) const BODY_BYTES_MAX: usize = 1_024;
