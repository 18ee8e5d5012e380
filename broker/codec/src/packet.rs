//! The closed list of control packets (2.1.2). Each packet's file holds both directions of its body;
//! none may look at another connection state than the version.

mod acknowledgement;
mod auth;
mod connack;
mod connect;
mod connect_properties;
mod disconnect;
mod publish;
mod reason_codes;
mod suback;
mod subscribe;
mod unsuback;
mod unsubscribe;
mod will;

pub use acknowledgement::{AckKind, Acknowledgement};
pub use auth::Auth;
pub use connack::{ConnAck, ConnAckProperties};
pub use connect::{Connect, Password};
pub use connect_properties::ConnectProperties;
pub use disconnect::{Disconnect, DisconnectProperties};
pub use publish::Publish;
pub use reason_codes::ReasonCodes;
pub use suback::SubAck;
pub use subscribe::{Subscribe, SubscribeProperties, Subscription, Subscriptions};
pub use unsuback::UnsubAck;
pub use unsubscribe::{Filters, Unsubscribe};
pub use will::Will;

/// A control packet, borrowing from the bytes it was read from.
#[derive(Debug, Clone, Copy, PartialEq)]
// CONNECT is much larger than PUBLISH, but packets live on the stack for the time of one call.
#[allow(clippy::large_enum_variant)]
pub enum Packet<'a> {
    /// Client asks for a session (3.1).
    Connect(Connect<'a>),
    /// Server grants or refuses it (3.2).
    ConnAck(ConnAck<'a>),
    /// A message, either way (3.3).
    Publish(Publish<'a>),
    /// QoS 1 is complete (3.4).
    PubAck(Acknowledgement<'a>),
    /// QoS 2, second step (3.5).
    PubRec(Acknowledgement<'a>),
    /// QoS 2, third step (3.6).
    PubRel(Acknowledgement<'a>),
    /// QoS 2 is complete (3.7).
    PubComp(Acknowledgement<'a>),
    /// Client asks for topics (3.8).
    Subscribe(Subscribe<'a>),
    /// Answer to SUBSCRIBE (3.9).
    SubAck(SubAck<'a>),
    /// Client drops topics (3.10).
    Unsubscribe(Unsubscribe<'a>),
    /// Answer to UNSUBSCRIBE (3.11).
    UnsubAck(UnsubAck<'a>),
    /// Client is alive (3.12).
    PingReq,
    /// Answer to PINGREQ (3.13).
    PingResp,
    /// Last packet of a connection (3.14).
    Disconnect(Disconnect<'a>),
    /// A step of enhanced authentication, MQTT 5 only (3.15).
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// Which packet it is.
    pub const fn kind(&self) -> PacketKind {
        match self {
            Self::Connect(_) => PacketKind::Connect,
            Self::ConnAck(_) => PacketKind::ConnAck,
            Self::Publish(_) => PacketKind::Publish,
            Self::PubAck(_) => PacketKind::PubAck,
            Self::PubRec(_) => PacketKind::PubRec,
            Self::PubRel(_) => PacketKind::PubRel,
            Self::PubComp(_) => PacketKind::PubComp,
            Self::Subscribe(_) => PacketKind::Subscribe,
            Self::SubAck(_) => PacketKind::SubAck,
            Self::Unsubscribe(_) => PacketKind::Unsubscribe,
            Self::UnsubAck(_) => PacketKind::UnsubAck,
            Self::PingReq => PacketKind::PingReq,
            Self::PingResp => PacketKind::PingResp,
            Self::Disconnect(_) => PacketKind::Disconnect,
            Self::Auth(_) => PacketKind::Auth,
        }
    }
}

/// Control packet types by their number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PacketKind {
    /// CONNECT.
    Connect = 1,
    /// CONNACK.
    ConnAck = 2,
    /// PUBLISH.
    Publish = 3,
    /// PUBACK.
    PubAck = 4,
    /// PUBREC.
    PubRec = 5,
    /// PUBREL.
    PubRel = 6,
    /// PUBCOMP.
    PubComp = 7,
    /// SUBSCRIBE.
    Subscribe = 8,
    /// SUBACK.
    SubAck = 9,
    /// UNSUBSCRIBE.
    Unsubscribe = 10,
    /// UNSUBACK.
    UnsubAck = 11,
    /// PINGREQ.
    PingReq = 12,
    /// PINGRESP.
    PingResp = 13,
    /// DISCONNECT.
    Disconnect = 14,
    /// AUTH.
    Auth = 15,
}

impl PacketKind {
    /// The type in the high four bits of a first byte; 0 is reserved.
    pub(crate) const fn from_first_byte(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The low four bits that the type prescribes (table 2-2); PUBLISH's carry meaning and are 0 here.
    pub(crate) const fn reserved_flags(self) -> u8 {
        match self {
            Self::PubRel | Self::Subscribe | Self::Unsubscribe => 0b0010,
            Self::Connect
            | Self::ConnAck
            | Self::Publish
            | Self::PubAck
            | Self::PubRec
            | Self::PubComp
            | Self::SubAck
            | Self::UnsubAck
            | Self::PingReq
            | Self::PingResp
            | Self::Disconnect
            | Self::Auth => 0,
        }
    }

    /// The first byte of a packet without flags of its own.
    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.reserved_flags()
    }
}
