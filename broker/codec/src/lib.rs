//! PURE. MQTT bytes to packets and back, as borrowed views of the bytes read, for servers and clients.
//! Knows no socket, no clock and no session: what depends on what was sent before (unexpected packets,
//! alias above the maximum, a second CONNECT) is the session's to judge.
//!
//! - [`decode_connect`] for a connection's first packet, [`decode`] for all later ones: strict, incremental,
//!   no allocation; every malformed input is a [`DecodeError`] with the reason code the standard asks for.
//! - [`encode`] appends any [`Packet`]; [`encode_publish`] and [`encode_ack`] are the short ways of the hot path.
//! - [`TopicName`], [`TopicFilter`] and [`SubscriptionFilter`] exist only if valid.
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod error;
mod limits;
mod packet;
mod property;
mod reader;
mod reason;
mod scan;
mod topic;
mod types;
mod writer;

pub use decode::{DecodeLimits, Decoded, decode, decode_connect};
pub use encode::{
    PublishBody, PublishHead, encode, encode_ack, encode_ack_with_reason, encode_pingreq,
    encode_pingresp, encode_publish, publish_len,
};
pub use error::{ConnectError, DecodeError, EncodeError};
pub use limits::*;
pub use packet::*;
pub use property::{
    MessageFields, MessageProperties, PublishProperties, ReasonProperties, SubscriptionIds,
    UserProperties, WillProperties,
};
pub use reason::ReasonCode;
pub use topic::{ShareFilter, SubscriptionFilter, TopicError, TopicFilter, TopicLimits, TopicName};
pub use types::*;
