//! Small values shared by packets: quality of service, packet ids, subscription options.

use std::num::NonZeroU16;

/// Protocol version of a connection; it disappears inside this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1.1 (protocol level 4).
    V311,
    /// MQTT 5.0 (protocol level 5).
    V5,
}

/// Quality of service (4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum QoS {
    /// At most once.
    AtMostOnce = 0,
    /// At least once.
    AtLeastOnce = 1,
    /// Exactly once.
    ExactlyOnce = 2,
}

/// A packet identifier; never zero (MQTT-2.2.1-3).
pub type PacketId = NonZeroU16;

/// Subscription options (MQTT 5, 3.8.3.1); a 3.1.1 subscription has only the QoS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// Maximum QoS of deliveries.
    pub qos: QoS,
    /// Do not send back what the same client published.
    pub no_local: bool,
    /// Keep the retain flag as published when forwarding.
    pub retain_as_published: bool,
    /// What of the retained messages to send on subscribe.
    pub retain_handling: RetainHandling,
}

/// Retain handling option (MQTT 5, 3.8.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RetainHandling {
    /// Send retained messages at every subscribe.
    Send = 0,
    /// Send them only if the subscription is new.
    SendIfNew = 1,
    /// Never send them.
    Never = 2,
}
