//! Our own `Collector`: families whose samples are read when scraped. Nothing is kept between scrapes.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::counter::{BUCKETS, HistogramSnapshot};

/// What a family's samples are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FamilyKind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets; `unit` turns what was recorded into what the name says (1e-6: microseconds to seconds).
    Histogram {
        /// Factor.
        unit: f64,
    },
}

/// One metric family: name, help, and a function that reads its samples.
pub(super) struct Family<F> {
    desc: Desc,
    name: String,
    help: String,
    kind: FamilyKind,
    read: F,
}

impl<F: Fn(&mut Samples) + Send + Sync> Family<F> {
    pub(super) fn new(
        kind: FamilyKind,
        name: &str,
        help: &str,
        labels: &[&str],
        read: F,
    ) -> Result<Self, prometheus::Error> {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        Ok(Self {
            desc: Desc::new(name.to_owned(), help.to_owned(), labels, HashMap::new())?,
            name: name.to_owned(),
            help: help.to_owned(),
            kind,
            read,
        })
    }
}

impl<F: Fn(&mut Samples) + Send + Sync> Collector for Family<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        let mut samples = Samples {
            kind: self.kind,
            metrics: Vec::new(),
        };
        (self.read)(&mut samples);
        if samples.metrics.is_empty() {
            // The text encoder refuses a family without samples.
            return Vec::new();
        }
        let mut family = proto::MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(self.help.clone());
        family.set_field_type(match self.kind {
            FamilyKind::Counter => proto::MetricType::COUNTER,
            FamilyKind::Gauge => proto::MetricType::GAUGE,
            FamilyKind::Histogram { .. } => proto::MetricType::HISTOGRAM,
        });
        family.set_metric(samples.metrics);
        vec![family]
    }
}

/// Takes the samples of one family during a scrape.
#[derive(Debug)]
pub struct Samples {
    kind: FamilyKind,
    metrics: Vec<proto::Metric>,
}

impl Samples {
    /// A counter's or a gauge's value. Label values come from closed sets: never a topic or a client id.
    #[allow(clippy::cast_precision_loss, reason = "Prometheus has only floats")]
    pub fn value(&mut self, labels: &[(&str, &str)], value: u64) {
        self.float(labels, value as f64);
    }

    /// As [`Self::value`], for what is no whole number.
    pub fn float(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = proto::Metric::from_label(pairs(labels));
        match self.kind {
            FamilyKind::Counter => {
                let mut counter = proto::Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            FamilyKind::Gauge | FamilyKind::Histogram { .. } => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        self.metrics.push(metric);
    }

    /// A histogram whose buckets end at powers of two.
    pub fn histogram(&mut self, labels: &[(&str, &str)], snapshot: &HistogramSnapshot) {
        let bounds: [u64; BUCKETS] = std::array::from_fn(|k| 1 << k);
        let counts: Vec<_> = snapshot
            .counts
            .iter()
            .copied()
            .chain([snapshot.above])
            .collect();
        self.buckets(labels, &bounds, &counts, snapshot.sum);
    }

    /// A histogram with buckets of its own: inclusive upper bounds, counts that are not cumulated with
    /// one more for what is above, and the sum of all values.
    #[allow(clippy::cast_precision_loss, reason = "Prometheus has only floats")]
    pub fn buckets(&mut self, labels: &[(&str, &str)], bounds: &[u64], counts: &[u64], sum: u64) {
        let unit = match self.kind {
            FamilyKind::Histogram { unit } => unit,
            FamilyKind::Counter | FamilyKind::Gauge => 1.0,
        };
        let mut cumulative = 0;
        let mut buckets = Vec::with_capacity(bounds.len());
        for (bound, count) in bounds.iter().zip(counts) {
            cumulative += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_cumulative_count(cumulative);
            bucket.set_upper_bound(*bound as f64 * unit);
            buckets.push(bucket);
        }
        let mut histogram = proto::Histogram::default();
        histogram.set_sample_count(counts.iter().sum());
        histogram.set_sample_sum(sum as f64 * unit);
        histogram.set_bucket(buckets);
        let mut metric = proto::Metric::from_label(pairs(labels));
        metric.set_histogram(histogram);
        self.metrics.push(metric);
    }
}

fn pairs(labels: &[(&str, &str)]) -> Vec<proto::LabelPair> {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}
