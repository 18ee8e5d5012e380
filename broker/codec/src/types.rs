//! Small values shared by packets: version, quality of service, packet ids, subscription options.
//! Must not know any packet.

use std::num::NonZeroU16;

/// Session expiry interval that never comes (MQTT 5, 3.1.2.11.2).
pub const EXPIRY_NEVER: u32 = u32::MAX;

/// Protocol version of a connection; it disappears inside this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// MQTT 3.1 (protocol name `MQIsdp`, level 3); on the wire all but CONNECT is as in 3.1.1.
    V31,
    /// MQTT 3.1.1 (protocol level 4).
    V311,
    /// MQTT 5.0 (protocol level 5).
    V5,
}

impl Version {
    /// Whether packets carry properties and reason codes; the one difference others need to know.
    #[inline]
    pub const fn is_v5(self) -> bool {
        matches!(self, Self::V5)
    }
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

impl QoS {
    /// The QoS that two bits on the wire stand for; `None` for 3, which is reserved (MQTT-3.3.1-4).
    #[inline]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
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

impl SubscriptionOptions {
    /// What a 3.1.1 subscription at `qos` means.
    pub const fn at(qos: QoS) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        }
    }

    /// The options byte of MQTT 5; its low two bits are the requested QoS of 3.1.1.
    pub const fn to_byte(self) -> u8 {
        self.qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }

    /// Options from MQTT 5's byte; `None` for reserved bits or values (MQTT-3.8.3-5).
    pub const fn from_byte(byte: u8) -> Option<Self> {
        if byte & 0b1100_0000 != 0 {
            return None;
        }
        let Some(qos) = QoS::from_bits(byte & 0b11) else {
            return None;
        };
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::Send,
            1 => RetainHandling::SendIfNew,
            2 => RetainHandling::Never,
            _ => return None,
        };
        Some(Self {
            qos,
            no_local: byte & 0b100 != 0,
            retain_as_published: byte & 0b1000 != 0,
            retain_handling,
        })
    }
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

/// Payload format indicator (MQTT 5, 3.3.2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PayloadFormat {
    /// Unspecified bytes.
    Bytes = 0,
    /// UTF-8 text.
    Utf8 = 1,
}
