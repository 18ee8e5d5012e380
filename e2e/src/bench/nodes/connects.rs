//! Clients that come, go and move: connections per second, and how long a takeover takes.

use std::net::TcpStream;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{Figure, Goal, figure, goal};
use crate::bench::histogram::Histogram;
use crate::bench::run::median_and_99th;
use crate::bench::system::System;
use crate::bench::wire;

/// Connections opened together, so that their log-ins overlap.
const BATCH: usize = 240;
/// Takeovers of each kind of session.
const TAKEOVERS: usize = 300;

/// Opens connections, going round the nodes, and waits until all are logged in.
pub(super) fn open(
    system: &System,
    name: &str,
    numbers: Range<usize>,
    persistent: bool,
) -> Result<Vec<TcpStream>> {
    let mut connections = Vec::with_capacity(numbers.len());
    for number in numbers {
        let mut socket = wire::dial(system.nodes[number % system.nodes.len()])?;
        wire::send_connect(&mut socket, &format!("{name}-{number}"), persistent)?;
        connections.push(socket);
        // Not more on their way than the broker's backlog takes.
        let first = connections.len().saturating_sub(BATCH);
        if connections.len().is_multiple_of(BATCH) {
            take_all(&mut connections[first..])?;
        }
    }
    let rest = connections.len() / BATCH * BATCH;
    take_all(&mut connections[rest..])?;
    Ok(connections)
}

fn take_all(connections: &mut [TcpStream]) -> Result<()> {
    connections.iter_mut().try_for_each(wire::take_connack)
}

/// Log-ins per second of client ids that were never there before; each is gone after its batch.
pub(super) fn rate(system: &System, persistent: bool, time: Duration) -> Result<Vec<Figure>> {
    let (before, started) = (system.cpu_nanoseconds()?, Instant::now());
    let mut count = 0;
    while started.elapsed() < time {
        drop(open(system, "visitor", count..count + BATCH, persistent)?);
        count += BATCH;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = (system.cpu_nanoseconds()? - before) as f64 / 1e9;
    let rate = count as f64 / seconds;
    Ok(vec![
        goal("connects/s", rate, Goal::AtLeast(5000.0)),
        figure("CPU s of all nodes per million", cpu / count as f64 * 1e6),
    ])
}

/// From CONNECT on one node to CONNACK, while the client id is connected to another.
pub(super) fn takeover(system: &System) -> Result<Vec<Figure>> {
    let (clean, persistent) = (takeovers(system, false)?, takeovers(system, true)?);
    Ok(vec![
        figure("clean p50 ms", clean.0),
        figure("clean p99 ms", clean.1),
        figure("persistent p50 ms", persistent.0),
        figure("persistent p99 ms", persistent.1),
    ])
}

fn takeovers(system: &System, persistent: bool) -> Result<(f64, f64)> {
    let name = format!("mover-{persistent}");
    let mut times = Histogram::new();
    let mut last = None;
    for step in 0..TAKEOVERS {
        let mut socket = wire::dial(system.nodes[step % system.nodes.len()])?;
        let began = Instant::now();
        wire::send_connect(&mut socket, &name, persistent)?;
        wire::take_connack(&mut socket).with_context(|| format!("takeover {step}"))?;
        if last.replace(socket).is_some() {
            times.note(began.elapsed().as_nanos() as u64);
        }
    }
    Ok(median_and_99th(&times))
}
