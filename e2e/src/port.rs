//! Free TCP ports that stay free while a broker restarts.

use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result};

// Below the range from which the kernel takes the ports of outgoing connections: a client that
// reconnects while its broker is down could otherwise take the broker's own port.
const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static DRAWN: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, and that this process has not given out before.
///
/// # Errors
/// When none of many is free.
pub fn free() -> Result<u16> {
    // Test binaries that run beside each other start in different places.
    let start = (process::id() % 180) as u16 * 100;
    let candidates = (0..COUNT).map(|_| {
        let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
        FIRST + (start + drawn % COUNT) % COUNT
    });
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    candidates.into_iter().find(is_free).context("no free port")
}
