//! Connections that only exist: what they cost in resident memory.

use std::net::TcpStream;

use anyhow::Result;

use super::server::Server;
use super::wire;
use crate::wait;

/// Connections opened together, so that their log-ins overlap.
const BATCH: usize = 250;
/// Connections before the first measurement: what the first one causes is not the price of one.
const FIRST: usize = 500;
/// The memory is read once it has stood still for this long.
const QUIET: std::time::Duration = std::time::Duration::from_millis(1500);

/// Bytes per connection.
pub(super) fn measure(server: &Server, count: usize) -> Result<f64> {
    let mut connections = Vec::with_capacity(FIRST + count);
    open(server.port, &mut connections, FIRST)?;
    wait::pass(QUIET);
    let before = server.resident_bytes()?;
    open(server.port, &mut connections, FIRST + count)?;
    wait::pass(QUIET);
    let growth = server.resident_bytes()?.saturating_sub(before);
    Ok(growth as f64 / count as f64)
}

fn open(port: u16, connections: &mut Vec<TcpStream>, until: usize) -> Result<()> {
    while connections.len() < until {
        let first = connections.len();
        let count = BATCH.min(until - first);
        for number in first..first + count {
            let mut socket = wire::dial(port)?;
            wire::send_connect(&mut socket, &format!("idle-{number}"), false)?;
            connections.push(socket);
        }
        for socket in &mut connections[first..] {
            wire::take_connack(socket)?;
        }
    }
    Ok(())
}
