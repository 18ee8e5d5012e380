//! `bench --nodes 3`: a cluster on loopback, the publisher and the subscriber of each message with
//! different nodes, the CPU time of all processes together. A cell counts only if nothing was lost,
//! doubled or reordered.

mod connects;
mod disk;
pub mod report;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quorate_codec::QoS;

use super::cell::{CELLS, Load, Pace, Shape, Work};
use super::run::{Effort, Kind, Measure, measure, one_run};
use super::server;
use super::system::System;
use crate::cluster::{Cluster, Node, Options, Place};
use crate::wait;
use disk::DiskProbe;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// 50 clean pairs at this QoS, beside one mosquitto.
    Pairs(u8),
    /// 200 publishers, 16 in flight each, to persistent sessions.
    Durable,
    /// The same sessions at a rate that leaves everything idle, beside the disk's own latency.
    Latency,
    /// One publisher that waits for each acknowledgement.
    Synchronous,
    /// Connections that come and go; persistent or clean.
    Connects(bool),
    /// A client id that goes from node to node.
    Takeover,
    /// Nobody does anything.
    Idle,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in the table.
    pub title: &'static str,
    /// What is measured.
    pub task: Task,
}

const fn cell(name: &'static str, title: &'static str, task: Task) -> Cell {
    Cell { name, title, task }
}

/// All cells, in the order of the table.
pub const ALL: [Cell; 9] = [
    cell("pairs0", "50 pairs, QoS 0, clean", Task::Pairs(0)),
    cell("pairs1", "50 pairs, QoS 1, clean", Task::Pairs(1)),
    cell(
        "durable",
        "200 persistent, QoS 1, 16 in flight",
        Task::Durable,
    ),
    cell("latency", "persistent, QoS 1, 1 000/s", Task::Latency),
    cell(
        "sync",
        "one synchronous publisher, persistent",
        Task::Synchronous,
    ),
    cell("connects", "connects, clean", Task::Connects(false)),
    cell(
        "connects-persistent",
        "connects, persistent",
        Task::Connects(true),
    ),
    cell("takeover", "takeover from node to node", Task::Takeover),
    cell("idle", "idle, 1 000 connections", Task::Idle),
];

/// A figure of a cell, and what it is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// What is to be reached, if anything is.
    pub goal: Option<Goal>,
}

/// What a figure is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

impl Goal {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

fn figure(name: &'static str, value: f64) -> Figure {
    let goal = None;
    Figure { name, value, goal }
}

fn goal(name: &'static str, value: f64, goal: Goal) -> Figure {
    let goal = Some(goal);
    Figure { name, value, goal }
}

/// Measures one cell on a fresh cluster; the median of the repetitions by its first figure.
///
/// # Errors
/// When the cluster does not come up, or anything was lost, doubled or reordered.
pub fn run(cell: &Cell, nodes: usize, effort: Effort) -> Result<Vec<Figure>> {
    let mut runs = (0..effort.repetitions)
        .map(|_| with_nodes(nodes, |cluster| one(cell.task, cluster, effort)))
        .collect::<Result<Vec<_>>>()?;
    runs.sort_by(|a, b| a[0].value.total_cmp(&b[0].value));
    let mut figures = runs.swap_remove(runs.len() / 2);
    if let Task::Pairs(qos) = cell.task {
        figures.push(beside_mosquitto(qos, &figures, effort)?);
    }
    Ok(figures)
}

fn with_nodes<T>(nodes: usize, body: impl FnOnce(&mut Cluster) -> Result<T>) -> Result<T> {
    let results = server::results();
    fs::create_dir_all(&results)?;
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench.d/quorate.toml");
    let options = Options {
        size: nodes,
        place: Place::Loopback,
        arguments: vec!["--config".to_owned(), settings.display().to_string()],
        environment: Vec::new(),
        disk: Some(results),
    };
    let mut cluster = Cluster::prepare(options)?;
    let result = cluster.begin().and_then(|()| body(&mut cluster));
    let logs = || {
        cluster
            .nodes()
            .iter()
            .map(Node::log_tail)
            .collect::<Vec<_>>()
    };
    result.with_context(|| logs().join("\n\n"))
}

fn system(cluster: &Cluster) -> System {
    System {
        nodes: cluster.endpoints(),
        pids: cluster.nodes().iter().map(Node::pid).collect(),
    }
}

fn one(task: Task, cluster: &mut Cluster, effort: Effort) -> Result<Vec<Figure>> {
    let system = system(cluster);
    match task {
        Task::Pairs(qos) => {
            let load = pairs_load(qos)?;
            Ok(clean(&one_run(&system, load, effort)?))
        }
        Task::Durable => {
            let load = durable(Shape::Pairs(200), Pace::Window(16));
            Ok(throughput(&one_run(&system, load, effort)?))
        }
        Task::Latency => {
            let probe = DiskProbe::start(cluster.directory())?;
            let load = durable(Shape::Pairs(20), Pace::Rate(1000));
            let measured = one_run(&system, load, effort);
            let disk = probe.stop()?;
            Ok(latency(&measured?, disk))
        }
        Task::Synchronous => {
            let load = durable(Shape::Pairs(1), Pace::Acknowledged(1));
            Ok(synchronous(&one_run(&system, load, effort)?))
        }
        Task::Connects(persistent) => connects::rate(&system, persistent, effort.time),
        Task::Takeover => connects::takeover(&system),
        Task::Idle => idle(&system, effort.time),
    }
}

/// The load of the single-node cell of the same name.
fn pairs_load(qos: u8) -> Result<Load> {
    let name = format!("pairs{qos}");
    let cell = CELLS.iter().find(|cell| cell.name == name);
    match cell.map(|cell| cell.work) {
        Some(Work::Messages(load)) => Ok(load),
        Some(Work::Idle(_)) | None => anyhow::bail!("no cell {name}"),
    }
}

fn durable(shape: Shape, pace: Pace) -> Load {
    Load {
        shape,
        qos: QoS::AtLeastOnce,
        persistent: true,
        pace,
    }
}

fn clean(measure: &Measure) -> Vec<Figure> {
    vec![
        figure("deliveries/s", measure.per_second),
        figure("CPU s of all nodes per million", measure.cpu_per_million),
        figure("p50 ms", measure.milliseconds.0),
        figure("p99 ms", measure.milliseconds.1),
    ]
}

fn throughput(measure: &Measure) -> Vec<Figure> {
    vec![
        goal("deliveries/s", measure.per_second, Goal::AtLeast(30_000.0)),
        figure("CPU s of all nodes per million", measure.cpu_per_million),
        figure("p50 ms", measure.milliseconds.0),
        goal("p99 ms", measure.milliseconds.1, Goal::AtMost(50.0)),
        figure("acknowledgement p50 ms", measure.ack_milliseconds.0),
        figure("acknowledgement p99 ms", measure.ack_milliseconds.1),
    ]
}

fn latency(measure: &Measure, disk: (f64, f64)) -> Vec<Figure> {
    vec![
        figure("acknowledgement p50 ms", measure.ack_milliseconds.0),
        figure("acknowledgement p99 ms", measure.ack_milliseconds.1),
        figure("fdatasync p50 ms", disk.0),
        figure("fdatasync p99 ms", disk.1),
        figure("delivery p50 ms", measure.milliseconds.0),
        figure("delivery p99 ms", measure.milliseconds.1),
    ]
}

fn synchronous(measure: &Measure) -> Vec<Figure> {
    vec![
        goal("messages/s", measure.per_second, Goal::AtLeast(1000.0)),
        figure("acknowledgement p50 ms", measure.ack_milliseconds.0),
        figure("acknowledgement p99 ms", measure.ack_milliseconds.1),
    ]
}

/// How many times mosquitto's deliveries per CPU second ours are.
fn beside_mosquitto(qos: u8, ours: &[Figure], effort: Effort) -> Result<Figure> {
    let name = format!("pairs{qos}");
    let cell = CELLS.iter().find(|cell| cell.name == name);
    let theirs = measure(cell.context("no such cell")?, Kind::Mosquitto, effort)?;
    let cpu = ours.iter().find(|figure| figure.name.starts_with("CPU"));
    let cpu = cpu.context("no CPU figure")?.value;
    let times = theirs.cpu_per_million / cpu;
    Ok(goal(
        "times mosquitto's deliveries per CPU s",
        times,
        Goal::AtLeast(6.0),
    ))
}

/// Clients that only exist while a cluster does nothing.
const IDLE_CONNECTIONS: usize = 1000;

fn idle(system: &System, time: Duration) -> Result<Vec<Figure>> {
    let connections = connects::open(system, "idle", 0..IDLE_CONNECTIONS, false)?;
    // What their coming has caused is not the price of their being there.
    wait::pass(Duration::from_secs(2));
    let (before, started) = (system.cpu_nanoseconds()?, Instant::now());
    wait::pass(time.max(Duration::from_secs(5)));
    let cpu = (system.cpu_nanoseconds()? - before) as f64 / 1e9;
    let share = cpu / started.elapsed().as_secs_f64() * 100.0;
    drop(connections);
    Ok(vec![goal(
        "% of a core, all nodes",
        share,
        Goal::AtMost(5.0),
    )])
}
