//! Who can be interested in a filter, and how much. Values only; it decides nothing.

use std::num::NonZeroU32;

use quorate_codec::QoS;

/// A connection of this worker: a slot and how often the slot was used before, so that what was meant for a closed
/// connection never reaches the next one in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    /// The slot in the worker's table of connections.
    pub index: u32,
    /// Grows each time the slot is used anew.
    pub generation: u32,
}

/// One subscription of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriber {
    /// Maximum QoS of deliveries.
    pub qos: QoS,
    /// Do not send back what the same connection published [MQTT-3.8.3-3].
    pub no_local: bool,
    /// Keep the retain flag as published when forwarding.
    pub retain_as_published: bool,
    /// MQTT 5 subscription identifier (3.8.2.1.2); never zero.
    pub identifier: Option<NonZeroU32>,
    /// The session is durable: its shard queues what is effectively QoS 1 or 2, so the direct path must not.
    pub durable: bool,
}

/// Somebody to whom a whole message is handed, and who finds the receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Another worker of this node.
    Worker(u16),
    /// A shard that has a durable subscription.
    Shard(u16),
    /// Another node.
    Node(u64),
}

/// Which messages somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Only those published at QoS 0: the only receivers are durable sessions that take the others from their shard.
    QosZero,
    /// All.
    Every,
    /// Those of a share group that are chosen for one of these members.
    Share(ShareCount),
}

/// Members of a share group that somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ShareCount {
    /// Of a worker or node: connections that take every message. Of a shard: sessions that are connected.
    pub ready: u32,
    /// Of a worker or node: connections of durable sessions, which take only QoS 0 this way. Of a shard: sessions
    /// that are absent.
    pub other: u32,
}

impl Scope {
    /// What two wish for together.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Share(left), Self::Share(right)) => Self::Share(ShareCount {
                ready: left.ready.saturating_add(right.ready),
                other: left.other.saturating_add(right.other),
            }),
            (
                Self::QosZero | Self::Every | Self::Share(_),
                Self::QosZero | Self::Every | Self::Share(_),
            ) => self.max(other),
        }
    }
}

/// What a worker's own connections want of a filter; `None` is nothing. Its changes are the delta stream that other
/// workers and nodes get.
pub type Interest = Option<Scope>;

impl Subscriber {
    /// What of the direct path this subscription needs.
    pub fn scope(&self) -> Scope {
        if self.durable && self.qos != QoS::AtMostOnce {
            Scope::QosZero
        } else {
            Scope::Every
        }
    }
}

/// Who holds a filter. The order is what makes a worker's interest in a filter readable from its first holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// A connection that wants every message.
    Every(ConnectionId),
    /// A connection that wants messages of QoS 0.
    QosZero(ConnectionId),
    /// A coarse target.
    Target(Target),
}

impl Holder {
    pub(crate) fn connection(connection: ConnectionId, scope: Scope) -> Self {
        match scope {
            Scope::Every | Scope::Share(_) => Self::Every(connection),
            Scope::QosZero => Self::QosZero(connection),
        }
    }

    /// The interest of own connections in a filter whose first holder this is.
    pub(crate) fn interest(self) -> Interest {
        match self {
            Self::Every(_) => Some(Scope::Every),
            Self::QosZero(_) => Some(Scope::QosZero),
            Self::Target(_) => None,
        }
    }
}

/// What a holder has at a filter, in 8 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) identifier: Option<NonZeroU32>,
    pub(crate) qos: QoS,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// Of a connection: durable. Of a target: wants only QoS 0.
    pub(crate) narrow: bool,
}

impl Grant {
    pub(crate) fn subscriber(subscriber: Subscriber) -> Self {
        let Subscriber {
            qos,
            no_local,
            retain_as_published,
            identifier,
            durable,
        } = subscriber;
        Self {
            identifier,
            qos,
            no_local,
            retain_as_published,
            narrow: durable,
        }
    }

    pub(crate) fn target(scope: Scope) -> Self {
        Self {
            identifier: None,
            qos: QoS::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            narrow: scope == Scope::QosZero,
        }
    }

    pub(crate) fn scope(self) -> Scope {
        if self.narrow {
            Scope::QosZero
        } else {
            Scope::Every
        }
    }
}
