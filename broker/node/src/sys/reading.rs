//! All numbers of `$SYS` at one moment. Reads counters that others keep; counts nothing itself.

use std::sync::Arc;

use quorate_codec::QoS;
use quorate_control::NodeId;

use crate::metrics::{FrontDoorCounters, Traffic, WorkerCounters};
use crate::raft::Groups;

/// See the module. Totals since the start unless said otherwise.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Clients that are connected to this node now.
    pub(super) connected: u64,
    /// Sessions that the cluster keeps now, connected ones included.
    pub(super) sessions: u64,
    /// Packets of any kind from clients.
    pub(super) packets_received: u64,
    /// Packets of any kind to clients.
    pub(super) packets_sent: u64,
    /// PUBLISH packets and their bytes from clients.
    pub(super) publish_received: u64,
    pub(super) publish_received_bytes: u64,
    /// PUBLISH packets and their bytes to clients.
    pub(super) publish_sent: u64,
    pub(super) publish_sent_bytes: u64,
    /// Messages that did not reach somebody.
    pub(super) publish_dropped: u64,
    /// Bytes of sockets.
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
    /// Sockets accepted.
    pub(super) sockets: u64,
    /// Clients that logged in.
    pub(super) connections: u64,
    /// Subscriptions now: of durable sessions in the cluster, and of clean ones on this node.
    pub(super) subscriptions: u64,
    /// Retained messages now.
    pub(super) retained: u64,
    /// Messages kept now, queued and retained.
    pub(super) stored: u64,
    pub(super) stored_bytes: u64,
    /// This node.
    pub(super) node: NodeId,
    /// Who leads the cluster's control group.
    pub(super) leader: Option<NodeId>,
    /// All members.
    pub(super) members: Vec<NodeId>,
}

impl Reading {
    pub(super) fn take(
        workers: &[Arc<WorkerCounters>],
        front_door: &FrontDoorCounters,
        groups: &Groups,
    ) -> Self {
        let control = groups.control().borrow().clone();
        let mut reading = Self {
            sockets: front_door.accepted.value(),
            connections: front_door.established.value(),
            node: groups.node(),
            leader: *groups.control_leader().borrow(),
            members: control.members().map(|(node, _)| node).collect(),
            ..Self::default()
        };
        workers.iter().for_each(|worker| reading.add_worker(worker));
        for shard in 0..groups.shard_count() {
            let statistics = groups.statistics(shard);
            reading.sessions += statistics.sessions;
            reading.subscriptions += statistics.subscriptions;
            reading.retained += statistics.retained_messages;
            reading.stored += statistics.retained_messages + statistics.queued_messages;
            reading.stored_bytes += statistics.retained_bytes + statistics.queued_bytes;
        }
        reading
    }

    fn add_worker(&mut self, worker: &WorkerCounters) {
        let closed = worker.connections_closed.value();
        self.connected += worker.connections_opened.value().saturating_sub(closed);
        self.packets_received += worker.packets_received.value();
        let (sent, sent_bytes) = traffic(&worker.sent);
        self.packets_sent += worker.replies_sent.value() + sent;
        self.publish_sent += sent;
        self.publish_sent_bytes += sent_bytes;
        let (received, received_bytes) = traffic(&worker.received);
        self.publish_received += received;
        self.publish_received_bytes += received_bytes;
        let dropped = worker.dropped.iter();
        self.publish_dropped += dropped.map(crate::metrics::Counter::value).sum::<u64>();
        self.bytes_received += worker.wire_received_bytes.value();
        self.bytes_sent += worker.wire_sent_bytes.value();
        self.subscriptions += worker.clean_subscriptions.value();
    }
}

fn traffic(traffic: &Traffic) -> (u64, u64) {
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    levels.into_iter().fold((0, 0), |(messages, bytes), qos| {
        (messages + traffic.messages(qos), bytes + traffic.bytes(qos))
    })
}
