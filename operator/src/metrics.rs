//! The operator's metrics. Few labels with few values: no names of clusters, which anybody may choose.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// All families; shared by who counts and who is scraped.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    errors: IntCounterVec,
    seconds: Histogram,
    queue: IntGauge,
    leads: IntGauge,
    writes: IntCounterVec,
    steps: IntCounterVec,
}

/// Upper bounds of a reconcile's duration in seconds: most only look.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

impl Metrics {
    /// Registers all families.
    ///
    /// # Errors
    /// A name is taken twice.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, label: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), label)
        };
        let metrics = Self {
            reconciles: counters(
                "quorate_operator_reconciles_total",
                "Reconciles that have ended, by result: ok or error.",
                &["result"],
            )?,
            errors: counters(
                "quorate_operator_errors_total",
                "Reconciles that failed, by kind of error.",
                &["kind"],
            )?,
            seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "quorate_operator_reconcile_seconds",
                    "How long reconciles take.",
                )
                .buckets(BUCKETS.to_vec()),
            )?,
            queue: IntGauge::new(
                "quorate_operator_queue_depth",
                "Clusters that wait for a reconcile or are in one.",
            )?,
            leads: IntGauge::new(
                "quorate_operator_leader",
                "1 on the replica that acts, 0 on the others.",
            )?,
            writes: counters(
                "quorate_operator_api_writes_total",
                "Writes to the API server, by kind of object; the Lease is not counted.",
                &["kind"],
            )?,
            steps: counters(
                "quorate_operator_membership_steps_total",
                "Changes of memberships that nodes were asked for, by step and result.",
                &["step", "result"],
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> prometheus::Result<()> {
        let families: [Box<dyn Collector>; 7] = [
            Box::new(self.reconciles.clone()),
            Box::new(self.errors.clone()),
            Box::new(self.seconds.clone()),
            Box::new(self.queue.clone()),
            Box::new(self.leads.clone()),
            Box::new(self.writes.clone()),
            Box::new(self.steps.clone()),
        ];
        for family in families {
            self.registry.register(family)?;
        }
        let process = prometheus::process_collector::ProcessCollector::for_self();
        self.registry.register(Box::new(process))?;
        // There from the beginning, so that a rate over them has a first value.
        for result in ["ok", "error"] {
            self.reconciles.with_label_values(&[result]);
        }
        Ok(())
    }

    /// A reconcile has ended; `error` is one word for its kind.
    pub fn reconciled(&self, took: Duration, error: Option<&'static str>) {
        let result = if error.is_some() { "error" } else { "ok" };
        self.reconciles.with_label_values(&[result]).inc();
        self.seconds.observe(took.as_secs_f64());
        if let Some(kind) = error {
            self.errors.with_label_values(&[kind]).inc();
        }
    }

    /// So many clusters wait, or are looked at.
    pub fn queue_depth(&self, clusters: usize) {
        self.queue.set(i64::try_from(clusters).unwrap_or(i64::MAX));
    }

    /// Whether this replica acts.
    pub fn leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    /// An object was written.
    pub fn wrote(&self, kind: &str) {
        self.writes.with_label_values(&[kind]).inc();
    }

    /// A node was asked for a change of the membership.
    pub fn stepped(&self, step: &'static str, result: &'static str) {
        self.steps.with_label_values(&[step, result]).inc();
    }

    /// All families in Prometheus's text format.
    ///
    /// # Errors
    /// A family cannot be written down.
    pub fn encode(&self) -> prometheus::Result<String> {
        let mut bytes = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut bytes)?;
        String::from_utf8(bytes).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}
