//! Names, help texts and labels of what the streams between nodes count. Peers are named by their node id.

use super::collector::FamilyKind::{Counter, Gauge};
use super::{FamilyKind, MICROS, Metrics, MetricsError};
use crate::peers::{Lane, LaneCounters, Peers, Refusal};

type Row = (
    FamilyKind,
    &'static str,
    &'static str,
    fn(&LaneCounters) -> u64,
);

/// By peer and lane.
const LANES: [Row; 6] = [
    (
        Counter,
        "quorate_peer_connects_total",
        "Times a lane to the peer came up.",
        |lane| lane.connects.value(),
    ),
    (
        Counter,
        "quorate_peer_sent_chunks_total",
        "Chunks of frames written to the peer.",
        |lane| lane.sent_chunks.value(),
    ),
    (
        Counter,
        "quorate_peer_sent_bytes_total",
        "Bytes of frames written to the peer.",
        |lane| lane.sent_bytes.value(),
    ),
    (
        Counter,
        "quorate_peer_received_chunks_total",
        "Chunks of frames read from the peer.",
        |lane| lane.received_chunks.value(),
    ),
    (
        Counter,
        "quorate_peer_received_bytes_total",
        "Bytes of frames read from the peer.",
        |lane| lane.received_bytes.value(),
    ),
    (
        Counter,
        "quorate_peer_dropped_frames_total",
        "Frames that found the queue to the peer full.",
        |lane| lane.dropped.value(),
    ),
];

pub(super) fn add_peers(metrics: &Metrics, peers: &Peers) -> Result<(), MetricsError> {
    for (kind, name, help, read) in LANES {
        let peers = peers.clone();
        metrics.add(kind, name, help, &["peer", "lane"], move |samples| {
            for (node, counters) in peers.stats().peers() {
                let node = node.to_string();
                for lane in Lane::ALL {
                    let labels = [("peer", node.as_str()), ("lane", lane.label())];
                    samples.value(&labels, read(counters.lane(lane)));
                }
            }
        })?;
    }
    let trips = peers.clone();
    let help = "Time from a call of the peer to its answer.";
    metrics.add(
        MICROS,
        "quorate_peer_round_trip_seconds",
        help,
        &["peer", "lane"],
        move |samples| {
            for (node, counters) in trips.stats().peers() {
                let node = node.to_string();
                for lane in Lane::ALL {
                    let labels = [("peer", node.as_str()), ("lane", lane.label())];
                    let times = counters.lane(lane).round_trip_micros.snapshot();
                    samples.histogram(&labels, &times);
                }
            }
        },
    )?;
    let connected = peers.clone();
    let help = "1 while all lanes to the peer are up, else 0.";
    metrics.add(
        Gauge,
        "quorate_peer_connected",
        help,
        &["peer"],
        move |samples| {
            for (node, peer) in &connected.state().borrow().peers {
                let node = node.to_string();
                samples.value(&[("peer", &node)], u64::from(peer.connected));
            }
        },
    )?;
    let refused = peers.clone();
    let help = "Connections and streams of peers that were refused or cut off.";
    metrics.add(
        Counter,
        "quorate_peer_refused_total",
        help,
        &["reason"],
        move |samples| {
            for refusal in Refusal::ALL {
                let count = refused.stats().refused(refusal);
                samples.value(&[("reason", refusal.label())], count);
            }
        },
    )
}
