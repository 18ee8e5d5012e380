//! One measurement of one cell on one broker, and the median of several.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::cell::{Cell, Load, Pace, Work};
use super::engine::Engine;
use super::histogram::Histogram;
use super::idle;
pub use super::server::Kind;
use super::server::Server;
use super::system::System;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Before the measurement begins.
    pub warm_up: Duration,
    /// The measurement.
    pub time: Duration,
    /// Measurements, of which the median counts.
    pub repetitions: usize,
}

impl Effort {
    /// Medians of three.
    pub const FULL: Self = Self {
        warm_up: Duration::from_secs(2),
        time: Duration::from_secs(6),
        repetitions: 3,
    };
    /// One short run.
    pub const QUICK: Self = Self {
        warm_up: Duration::from_secs(1),
        time: Duration::from_secs(2),
        repetitions: 1,
    };
}

/// How long what is on its way may take at the end.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// The share of a given rate that must get through for the loads to be equal.
const KEPT_UP_MIN: f64 = 0.98;

/// What was measured; what a cell does not measure is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Deliveries per second.
    pub per_second: f64,
    /// CPU seconds of the broker per million deliveries.
    pub cpu_per_million: f64,
    /// Publish to delivery, median and 99th percentile, in milliseconds.
    pub milliseconds: (f64, f64),
    /// Publish to acknowledgement, the same.
    pub ack_milliseconds: (f64, f64),
    /// Resident bytes per connection.
    pub bytes_per_connection: f64,
}

impl Measure {
    /// Deliveries per CPU second of the broker.
    pub fn per_cpu_second(&self) -> f64 {
        1e6 / self.cpu_per_million
    }
}

/// The median of the repetitions, by CPU or by bytes.
///
/// # Errors
/// When the broker does not start, or anything was lost, doubled or reordered: the cell does not count.
pub fn measure(cell: &Cell, kind: Kind, effort: Effort) -> Result<Measure> {
    let once = |_| match cell.work {
        Work::Messages(load) => messages(load, kind, effort),
        Work::Idle(count) => idle_connections(count, kind),
    };
    let mut measures = (0..effort.repetitions)
        .map(once)
        .collect::<Result<Vec<Measure>>>()?;
    let cost = |measure: &Measure| measure.cpu_per_million + measure.bytes_per_connection;
    measures.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    Ok(measures[measures.len() / 2])
}

fn idle_connections(count: usize, kind: Kind) -> Result<Measure> {
    let server = Server::start(kind, false)?;
    let bytes_per_connection =
        idle::measure(&server, count).map_err(|error| with_log(&error, &server))?;
    Ok(Measure {
        per_second: 0.0,
        cpu_per_million: 0.0,
        milliseconds: (0.0, 0.0),
        ack_milliseconds: (0.0, 0.0),
        bytes_per_connection,
    })
}

fn messages(load: Load, kind: Kind, effort: Effort) -> Result<Measure> {
    let server = Server::start(kind, load.persistent)?;
    one_run(&server.system(), load, effort).map_err(|error| with_log(&error, &server))
}

/// The error, and what the broker has to say about it.
fn with_log(error: &anyhow::Error, server: &Server) -> anyhow::Error {
    anyhow::anyhow!("{error:#} {}", server.log())
}

/// One load on one system.
pub(super) fn one_run(system: &System, load: Load, effort: Effort) -> Result<Measure> {
    let mut engine = Engine::connect(system, load)?;
    engine.run(effort.warm_up)?;
    engine.ledger.clear_latencies();
    let (delivered, cpu, started) = (
        engine.ledger.delivered,
        system.cpu_nanoseconds()?,
        Instant::now(),
    );
    engine.run(effort.time)?;
    let deliveries = (engine.ledger.delivered - delivered) as f64;
    let cpu = (system.cpu_nanoseconds()? - cpu) as f64;
    let seconds = started.elapsed().as_secs_f64();
    let milliseconds = median_and_99th(&engine.ledger.latency);
    let ack_milliseconds = median_and_99th(&engine.ledger.ack_latency);
    engine.settle(SETTLE_MAX)?;
    let faults = engine.ledger.faults;
    ensure!(
        faults == 0,
        "{faults} messages were lost, doubled or out of order"
    );
    if let Pace::Rate(rate) = load.pace {
        let share = deliveries / seconds / rate as f64;
        ensure!(
            share > KEPT_UP_MIN,
            "kept up with {:.0} % of the rate only",
            share * 100.0
        );
    }
    ensure!(deliveries > 0.0, "nothing was delivered");
    Ok(Measure {
        per_second: deliveries / seconds,
        cpu_per_million: cpu / 1e9 / (deliveries / 1e6),
        milliseconds,
        ack_milliseconds,
        bytes_per_connection: 0.0,
    })
}

/// In milliseconds.
pub(super) fn median_and_99th(histogram: &Histogram) -> (f64, f64) {
    let milliseconds = |percent| histogram.percentile(percent).as_secs_f64() * 1000.0;
    (milliseconds(50.0), milliseconds(99.0))
}
