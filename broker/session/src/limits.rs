//! Every bound of a session, with unit and reason, and what the server offers at all. Decides nothing.

use quorate_codec::{QoS, TopicLimits};

/// Bounds that all sessions of a node share; the node's configuration fills them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// QoS 1 and 2 PUBLISHes a client may have open at once, announced as Receive Maximum (MQTT 5,
    /// 3.2.2.3.3). Each open one costs 8 to 24 bytes here and its message while a shard commits it.
    pub inbound_messages_max: u16,
    /// Open inbound PUBLISHes at which the worker stops reading the connection. Only a 3.1.1 client,
    /// which knows no Receive Maximum, can get that far.
    pub inbound_pending_max: u16,
    /// QoS 1 and 2 PUBLISHes sent to a client and not acknowledged, whatever the client would allow:
    /// a message costs the session one byte, and the receiver's socket its whole size.
    pub outbound_messages_max: u16,
    /// SUBSCRIBE and UNSUBSCRIBE packets of one client that wait for their result; each may hold a
    /// whole packet's filters and a place in a log entry.
    pub operations_max: u16,
    /// Subscriptions of one client; each costs a trie node in every worker and, if durable, a place in
    /// the shard's state.
    pub subscriptions_max: u32,
    /// Topic aliases a client may set up, announced as Topic Alias Maximum (MQTT 5, 3.2.2.3.8).
    pub topic_aliases_max: u16,
    /// Topic aliases set up for a client that takes some. A delivery looks through them, so they are few.
    pub outbound_topic_aliases_max: u16,
    /// Length and levels of topic names and filters. Matching goes from level to level, and every worker keeps every filter.
    pub topics: TopicLimits,
    /// User properties of one message, which go with it wherever it goes.
    pub user_properties_max: u16,
    /// What clients may ask for.
    pub capabilities: Capabilities,
}

/// What the server offers; CONNACK announces what it does not (MQTT 5, 3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Highest QoS of a PUBLISH, and that is granted to a subscription.
    pub maximum_qos: QoS,
    /// Retained messages.
    pub retain: bool,
    /// Filters with wildcards.
    pub wildcards: bool,
    /// Subscription identifiers.
    pub subscription_ids: bool,
    /// Shared subscriptions.
    pub shared: bool,
}

impl Capabilities {
    /// All that the protocol has.
    pub const ALL: Self = Self {
        maximum_qos: QoS::ExactlyOnce,
        retain: true,
        wildcards: true,
        subscription_ids: true,
        shared: true,
    };
}

/// Packet ids that may lie between the oldest unacknowledged delivery and the newest. A client that
/// acknowledges everything but one delivery stops there; one byte each, so 16 KiB at worst.
pub(crate) const OUTBOUND_SPAN_IDS_MAX: usize = 16_384;

/// Bytes of the topics a client may set up aliases for, together: two of the longest, or many usual ones.
pub(crate) const TOPIC_ALIAS_BYTES_MAX: usize = 128 * 1024;

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_messages_max: 1_024,
            inbound_pending_max: 2_048,
            outbound_messages_max: 1_024,
            operations_max: 32,
            subscriptions_max: 10_000,
            topic_aliases_max: 32,
            outbound_topic_aliases_max: 16,
            user_properties_max: 256,
            topics: TopicLimits {
                bytes_max: quorate_codec::FIELD_BYTES_MAX,
                levels_max: 200,
            },
            capabilities: Capabilities::ALL,
        }
    }
}

impl Limits {
    /// Deliveries that may be unacknowledged at once: what the client allows, within our limit. This is
    /// also the window that a durable session's claim carries.
    pub fn window(&self, receive_maximum: u16) -> u16 {
        receive_maximum.min(self.outbound_messages_max).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_side_decides_the_window() {
        let limits = Limits::default();
        assert_eq!(limits.window(20), 20);
        assert_eq!(limits.window(u16::MAX), 1_024);
    }
}
