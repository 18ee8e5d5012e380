//! What the node tells Prometheus: a registry of families that read plain counters when scraped.
//!
//! The hot path knows only [`WorkerCounters`]; everything with a name, a help text and a label is here
//! and in the parts that add families of their own with [`Metrics::add`]. No topic and no client id is
//! ever a label: a scrape's size must not depend on clients.

mod collector;
mod counter;
mod families;
mod groups;
mod membership;
mod peers;
mod worker;

use std::sync::Arc;

pub use collector::{FamilyKind, Samples};
pub use counter::{Counter, Gauge, Histogram, HistogramSnapshot};
pub use families::FrontDoorCounters;
pub use worker::{DropReason, Traffic, WorkerCounters};

use collector::Family;

/// Microseconds, as recorded, to seconds, as Prometheus asks.
pub const MICROS: FamilyKind = FamilyKind::Histogram { unit: 1e-6 };
/// Numbers of something, as recorded.
pub const NUMBERS: FamilyKind = FamilyKind::Histogram { unit: 1.0 };

/// A metric family could not be added: its name is taken or not valid.
#[derive(Debug, thiserror::Error)]
#[error("metric {name}: {source}")]
pub struct MetricsError {
    name: String,
    source: prometheus::Error,
}

/// All metric families of a node.
#[derive(Debug)]
pub struct Metrics {
    registry: prometheus::Registry,
}

impl Metrics {
    /// A registry with what the operating system tells of the process.
    ///
    /// # Errors
    /// Never in practice: the names are ours.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = prometheus::Registry::new();
        let process = prometheus::process_collector::ProcessCollector::for_self();
        registry
            .register(Box::new(process))
            .map_err(|source| MetricsError {
                name: "process".to_owned(),
                source,
            })?;
        Ok(Self { registry })
    }

    /// Adds a family. `read` runs at each scrape, on a thread of the runtime: it may take a short lock
    /// but must not wait. `labels` are the names that its samples use.
    ///
    /// # Errors
    /// The name is taken or not valid.
    pub fn add(
        &self,
        kind: FamilyKind,
        name: &str,
        help: &str,
        labels: &[&str],
        read: impl Fn(&mut Samples) + Send + Sync + 'static,
    ) -> Result<(), MetricsError> {
        Family::new(kind, name, help, labels, read)
            .and_then(|family| self.registry.register(Box::new(family)))
            .map_err(|source| MetricsError {
                name: name.to_owned(),
                source,
            })
    }

    /// Adds the families of the workers' counters, summed over the workers.
    ///
    /// # Errors
    /// They were added before.
    pub fn add_workers(&self, workers: Arc<[Arc<WorkerCounters>]>) -> Result<(), MetricsError> {
        families::add_workers(self, &workers)
    }

    /// Adds the families of the front door.
    ///
    /// # Errors
    /// They were added before.
    pub fn add_front_door(&self, counters: &Arc<FrontDoorCounters>) -> Result<(), MetricsError> {
        families::add_front_door(self, counters)
    }

    /// Adds the families of Raft groups, shards and the log.
    ///
    /// # Errors
    /// They were added before.
    pub fn add_groups(&self, groups: &crate::raft::Groups) -> Result<(), MetricsError> {
        groups::add_groups(self, groups)?;
        membership::add_membership(self, groups)
    }

    /// Adds the families of the streams between nodes.
    ///
    /// # Errors
    /// They were added before.
    pub fn add_peers(&self, peers: &crate::peers::Peers) -> Result<(), MetricsError> {
        peers::add_peers(self, peers)
    }

    /// All families in Prometheus's text format.
    ///
    /// # Errors
    /// A family's samples cannot be written down.
    pub fn encode(&self) -> Result<String, prometheus::Error> {
        prometheus::TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
