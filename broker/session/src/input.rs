//! What a session starts from: the accepted CONNECT and what the claim brought. Decides nothing.

use quorate_codec::{PacketId, Version};

/// Everything about an accepted CONNECT that the session has to know.
#[derive(Debug, Clone)]
pub struct SessionStart {
    /// Protocol version of the connection.
    pub version: Version,
    /// Milliseconds, on the clock that every later call uses.
    pub now: u64,
    /// What the client said it can take.
    pub client: ClientLimits,
    /// Keep-alive in force, in seconds: CONNECT's, or the one CONNACK replaced it with.
    pub keep_alive_seconds: u16,
    /// Session expiry interval in force, in seconds. 3.1.1: 0 for a clean session, else `u32::MAX`.
    pub expiry_seconds: u32,
    /// Where the session's state lives.
    pub mode: Mode,
}

/// What CONNECT says about the client's side of the connection (MQTT 5, 3.1.2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    /// QoS 1 and 2 PUBLISHes it takes unacknowledged; 65 535 if it did not say.
    pub receive_maximum: u16,
    /// Bytes of a whole packet it accepts; `u32::MAX` if it did not say.
    pub maximum_packet_size: u32,
    /// Topic aliases it accepts from us.
    pub topic_alias_maximum: u16,
    /// Whether it wants reason strings on packets other than PUBLISH, CONNACK and DISCONNECT
    /// (MQTT 5, 3.1.2.11.7).
    pub problem_information: bool,
}

impl Default for ClientLimits {
    /// What a CONNECT without properties, or of 3.1.1, means.
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            problem_information: true,
        }
    }
}

/// Where a session's state lives.
#[derive(Debug, Clone)]
pub enum Mode {
    /// It ends with the connection; the session keeps packet ids itself.
    Clean,
    /// It lives in a shard, which numbers deliveries and inbound QoS 2 messages.
    Durable {
        /// Inbound QoS 2 packet ids that were taken on an earlier connection, with their sequences.
        inbound: Vec<(PacketId, u64)>,
        /// Subscriptions kept from an earlier connection.
        subscriptions: u32,
    },
}
