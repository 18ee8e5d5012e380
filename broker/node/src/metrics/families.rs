//! Names, help texts and labels of what workers and the front door count.

use std::sync::Arc;

use quorate_codec::QoS;

use super::collector::{FamilyKind, Samples};
use super::counter::{Counter, Histogram, HistogramSnapshot};
use super::worker::{DropReason, Traffic, WorkerCounters};
use super::{MICROS, Metrics, MetricsError, NUMBERS};

type Workers = Arc<[Arc<WorkerCounters>]>;
/// Kind, name, help, and which of a worker's numbers are summed.
type SumRow = (
    FamilyKind,
    &'static str,
    &'static str,
    fn(&WorkerCounters) -> u64,
);
type HistogramRow = (
    FamilyKind,
    &'static str,
    &'static str,
    fn(&WorkerCounters) -> &Histogram,
);

const LEVELS: [(QoS, &str); 3] = [
    (QoS::AtMostOnce, "0"),
    (QoS::AtLeastOnce, "1"),
    (QoS::ExactlyOnce, "2"),
];

/// What the front door counts. Its tasks run on several threads: add with `add_shared`.
#[derive(Debug, Default)]
pub struct FrontDoorCounters {
    /// Sockets accepted.
    pub accepted: Counter,
    /// Strangers closed for being one too many (`limits.connections_max`).
    pub over_limit: Counter,
    /// Strangers whose TLS handshake failed or took too long.
    pub handshake_failed: Counter,
    /// Strangers that sent no CONNECT in time, or something else.
    pub not_mqtt: Counter,
    /// CONNECTs refused: credentials.
    pub not_authorized: Counter,
    /// CONNECTs refused: anything else.
    pub refused: Counter,
    /// Connections handed to a worker.
    pub established: Counter,
    /// Microseconds from accept to handing over.
    pub login_micros: Histogram,
}

pub(super) fn add_workers(metrics: &Metrics, workers: &Workers) -> Result<(), MetricsError> {
    add_connections(metrics, workers)?;
    add_traffic(metrics, workers)?;
    let timings: [HistogramRow; 4] = [
        (
            MICROS,
            "quorate_publish_ack_seconds",
            "Time from reading a QoS 1 or 2 PUBLISH to its PUBACK or PUBREC.",
            |w| &w.publish_to_ack_micros,
        ),
        (
            MICROS,
            "quorate_worker_turn_seconds",
            "Time one turn of a worker's event loop took, its wait not counted.",
            |w| &w.turn_micros,
        ),
        (
            NUMBERS,
            "quorate_worker_turn_sockets",
            "Sockets that were ready in one turn of a worker.",
            |w| &w.turn_sockets,
        ),
        (
            NUMBERS,
            "quorate_worker_batch_messages",
            "Messages in one batch from a worker to another.",
            |w| &w.batch_messages,
        ),
    ];
    for (kind, name, help, histogram) in timings {
        let workers = Arc::clone(workers);
        metrics.add(kind, name, help, &[], move |samples| {
            let mut sum = HistogramSnapshot::default();
            workers
                .iter()
                .for_each(|worker| sum.merge(&histogram(worker).snapshot()));
            samples.histogram(&[], &sum);
        })?;
    }
    Ok(())
}

fn add_connections(metrics: &Metrics, workers: &Workers) -> Result<(), MetricsError> {
    let sums: [SumRow; 5] = [
        (
            FamilyKind::Gauge,
            "quorate_connections",
            "Clients that are connected now.",
            |w| {
                // Two reads of a running worker: closed may be a moment ahead of opened.
                w.connections_opened
                    .value()
                    .saturating_sub(w.connections_closed.value())
            },
        ),
        (
            FamilyKind::Counter,
            "quorate_connections_opened_total",
            "Clients that have logged in.",
            |w| w.connections_opened.value(),
        ),
        (
            FamilyKind::Counter,
            "quorate_connections_closed_total",
            "Clients whose connection has ended.",
            |w| w.connections_closed.value(),
        ),
        (
            FamilyKind::Gauge,
            "quorate_connected_subscriptions",
            "Subscriptions of clients that are connected now.",
            |w| w.subscriptions.value(),
        ),
        (
            FamilyKind::Gauge,
            "quorate_connection_queued_bytes",
            "Bytes waiting for connected clients to read.",
            |w| w.queued_bytes.value(),
        ),
    ];
    for (kind, name, help, read) in sums {
        let workers = Arc::clone(workers);
        metrics.add(kind, name, help, &[], move |samples| {
            samples.value(&[], workers.iter().map(|worker| read(worker)).sum());
        })?;
    }
    Ok(())
}

fn add_traffic(metrics: &Metrics, workers: &Workers) -> Result<(), MetricsError> {
    type Read = fn(&Traffic, QoS) -> u64;
    let by_qos: [(_, _, Read); 2] = [
        (
            "quorate_messages_total",
            "PUBLISH packets from (in) and to (out) clients.",
            Traffic::messages,
        ),
        (
            "quorate_message_bytes_total",
            "Bytes of the PUBLISH packets from (in) and to (out) clients.",
            Traffic::bytes,
        ),
    ];
    for (name, help, read) in by_qos {
        let workers = Arc::clone(workers);
        metrics.add(
            FamilyKind::Counter,
            name,
            help,
            &["direction", "qos"],
            move |samples| {
                for (qos, label) in LEVELS {
                    let (mut received, mut sent) = (0, 0);
                    for worker in workers.iter() {
                        received += read(&worker.received, qos);
                        sent += read(&worker.sent, qos);
                    }
                    samples.value(&[("direction", "in"), ("qos", label)], received);
                    samples.value(&[("direction", "out"), ("qos", label)], sent);
                }
            },
        )?;
    }
    add_wire(metrics, workers)
}

fn add_wire(metrics: &Metrics, workers: &Workers) -> Result<(), MetricsError> {
    let wire = Arc::clone(workers);
    let help = "Bytes read from (in) and written to (out) clients' sockets.";
    metrics.add(
        FamilyKind::Counter,
        "quorate_network_bytes_total",
        help,
        &["direction"],
        move |samples| {
            let received = wire
                .iter()
                .map(|worker| worker.wire_received_bytes.value())
                .sum();
            let sent = wire
                .iter()
                .map(|worker| worker.wire_sent_bytes.value())
                .sum();
            samples.value(&[("direction", "in")], received);
            samples.value(&[("direction", "out")], sent);
        },
    )?;
    let drops = Arc::clone(workers);
    let help = "Messages that were not delivered to somebody they were meant for.";
    metrics.add(
        FamilyKind::Counter,
        "quorate_messages_dropped_total",
        help,
        &["reason"],
        move |samples| {
            for reason in DropReason::ALL {
                let sum = drops
                    .iter()
                    .map(|worker| worker.dropped[reason as usize].value())
                    .sum();
                samples.value(&[("reason", reason.label())], sum);
            }
        },
    )
}

pub(super) fn add_front_door(
    metrics: &Metrics,
    counters: &Arc<FrontDoorCounters>,
) -> Result<(), MetricsError> {
    let accepted = Arc::clone(counters);
    let help = "Connections accepted, logged in or not.";
    metrics.add(
        FamilyKind::Counter,
        "quorate_accepted_total",
        help,
        &[],
        move |samples| {
            samples.value(&[], accepted.accepted.value());
        },
    )?;
    let refused = Arc::clone(counters);
    let help = "Connections that ended before they were logged in.";
    metrics.add(
        FamilyKind::Counter,
        "quorate_refused_total",
        help,
        &["reason"],
        move |samples: &mut Samples| {
            samples.value(&[("reason", "over_limit")], refused.over_limit.value());
            samples.value(&[("reason", "tls")], refused.handshake_failed.value());
            samples.value(&[("reason", "not_mqtt")], refused.not_mqtt.value());
            samples.value(
                &[("reason", "not_authorized")],
                refused.not_authorized.value(),
            );
            samples.value(&[("reason", "other")], refused.refused.value());
        },
    )?;
    let login = Arc::clone(counters);
    let help = "Time from accepting a connection to handing it to a worker, logged in.";
    metrics.add(MICROS, "quorate_login_seconds", help, &[], move |samples| {
        samples.histogram(&[], &login.login_micros.snapshot());
    })
}
