//! The counters of one worker. Written by that worker only, read by a scrape.

use quorate_codec::QoS;

use super::counter::{Counter, Gauge, Histogram};

/// One worker's counters, on cache lines of its own so that workers do not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerCounters {
    /// Connections taken from the front door.
    pub connections_opened: Counter,
    /// Connections closed again.
    pub connections_closed: Counter,
    /// PUBLISH packets from clients.
    pub received: Traffic,
    /// PUBLISH packets to clients.
    pub sent: Traffic,
    /// Packets of any kind from clients, CONNECT not counted.
    pub packets_received: Counter,
    /// Packets to clients that are no PUBLISH.
    pub replies_sent: Counter,
    /// Bytes read from sockets (of TLS: records).
    pub wire_received_bytes: Counter,
    /// Bytes written to sockets.
    pub wire_sent_bytes: Counter,
    /// Messages dropped; index by [`DropReason`].
    pub dropped: [Counter; DropReason::ALL.len()],
    /// Microseconds from reading a QoS 1 or 2 PUBLISH to appending its PUBACK or PUBREC.
    pub publish_to_ack_micros: Histogram,
    /// Microseconds of one turn of the event loop, its wait not counted.
    pub turn_micros: Histogram,
    /// Sockets that were ready in one turn.
    pub turn_sockets: Histogram,
    /// Messages in one batch to another worker.
    pub batch_messages: Histogram,
    /// Bytes in output buffers, and kept by sessions of this worker for later.
    pub queued_bytes: Gauge,
    /// Subscriptions of connected clients.
    pub subscriptions: Gauge,
    /// Those of them that no shard holds.
    pub clean_subscriptions: Gauge,
}

/// Messages and their bytes by QoS.
#[derive(Debug, Default)]
pub struct Traffic {
    messages: [Counter; 3],
    bytes: [Counter; 3],
}

impl Traffic {
    /// Counts `messages` at one QoS with the bytes of all of them.
    #[inline]
    pub fn add(&self, qos: QoS, messages: u64, bytes: u64) {
        self.messages[qos as usize].add(messages);
        self.bytes[qos as usize].add(bytes);
    }

    /// Messages so far.
    pub fn messages(&self, qos: QoS) -> u64 {
        self.messages[qos as usize].value()
    }

    /// Bytes so far.
    pub fn bytes(&self, qos: QoS) -> u64 {
        self.bytes[qos as usize].value()
    }
}

/// Why a message reached somebody it was meant for not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// The client did not read, and the message was QoS 0.
    OutputFull,
    /// A queue's bound was reached.
    QueueFull,
    /// Message expiry came first.
    Expired,
    /// Larger than the client's maximum packet size.
    TooLarge,
}

impl DropReason {
    /// All of them, in index order.
    pub const ALL: [Self; 4] = [
        Self::OutputFull,
        Self::QueueFull,
        Self::Expired,
        Self::TooLarge,
    ];

    /// The label's value.
    pub fn label(self) -> &'static str {
        match self {
            Self::OutputFull => "output_full",
            Self::QueueFull => "queue_full",
            Self::Expired => "expired",
            Self::TooLarge => "too_large",
        }
    }
}
