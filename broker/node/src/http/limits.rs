//! Bounds of the HTTP listener.

use std::time::Duration;

/// HTTP connections at the same time: a few probes and scrapers, and room for a person.
pub(super) const CONNECTIONS_MAX: usize = 64;
/// Life of one HTTP connection, so that a slow or idle one frees its place. No multiple of the usual
/// scrape intervals, so that it does not end just when the next scrape comes.
pub(super) const CONNECTION_SECONDS_MAX: Duration = Duration::from_secs(47);
/// Bytes of a request's body. Nothing here takes one.
pub(super) const BODY_BYTES_MAX: usize = 1_024;
