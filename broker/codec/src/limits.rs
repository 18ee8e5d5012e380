//! Bounds the protocol itself sets. Tighter ones come in as arguments ([`crate::DecodeLimits`], [`crate::TopicLimits`]).

/// Longest remaining length that four bytes of seven bits can say (2.1.4).
pub const REMAINING_BYTES_MAX: usize = 268_435_455;

/// Longest packet: type byte, four length bytes, remaining length.
pub const PACKET_BYTES_MAX: usize = 5 + REMAINING_BYTES_MAX;

/// Longest string or binary field, its length being two bytes (1.5.4, 1.5.6).
pub const FIELD_BYTES_MAX: usize = 65_535;

/// Largest subscription identifier (MQTT 5, 3.8.2.1.2).
pub const SUBSCRIPTION_ID_MAX: u32 = 268_435_455;
