//! Reason codes of MQTT 5 (2.4), which packet may carry which, and what 3.1.1 says instead.
//! Must not decide what to do about them.

use crate::packet::PacketKind;

macro_rules! reason_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $value:literal,)*) => {
        /// A reason code of MQTT 5, named as the standard names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[doc = $doc])* $name = $value,)*
        }

        impl ReasonCode {
            /// Every code, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code a byte stands for, if it stands for one.
            pub const fn from_u8(value: u8) -> Option<Self> {
                match value {
                    $($value => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reason_codes! {
    /// Success; also *Normal disconnection* and *Granted QoS 0*.
    Success = 0x00,
    /// Granted QoS 1.
    GrantedQoS1 = 0x01,
    /// Granted QoS 2.
    GrantedQoS2 = 0x02,
    /// Disconnect with will message.
    DisconnectWithWill = 0x04,
    /// No matching subscribers.
    NoMatchingSubscribers = 0x10,
    /// No subscription existed.
    NoSubscriptionExisted = 0x11,
    /// Continue authentication.
    ContinueAuthentication = 0x18,
    /// Re-authenticate.
    ReAuthenticate = 0x19,
    /// Unspecified error.
    UnspecifiedError = 0x80,
    /// Malformed packet: cannot be parsed.
    MalformedPacket = 0x81,
    /// Protocol error: parsed, but not allowed.
    ProtocolError = 0x82,
    /// Implementation specific error.
    ImplementationSpecificError = 0x83,
    /// Unsupported protocol version.
    UnsupportedProtocolVersion = 0x84,
    /// Client identifier not valid.
    ClientIdentifierNotValid = 0x85,
    /// Bad user name or password.
    BadUserNameOrPassword = 0x86,
    /// Not authorized.
    NotAuthorized = 0x87,
    /// Server unavailable.
    ServerUnavailable = 0x88,
    /// Server busy.
    ServerBusy = 0x89,
    /// Banned.
    Banned = 0x8A,
    /// Server shutting down.
    ServerShuttingDown = 0x8B,
    /// Bad authentication method.
    BadAuthenticationMethod = 0x8C,
    /// Keep alive timeout.
    KeepAliveTimeout = 0x8D,
    /// Session taken over.
    SessionTakenOver = 0x8E,
    /// Topic filter invalid.
    TopicFilterInvalid = 0x8F,
    /// Topic name invalid.
    TopicNameInvalid = 0x90,
    /// Packet identifier in use.
    PacketIdentifierInUse = 0x91,
    /// Packet identifier not found.
    PacketIdentifierNotFound = 0x92,
    /// Receive maximum exceeded.
    ReceiveMaximumExceeded = 0x93,
    /// Topic alias invalid.
    TopicAliasInvalid = 0x94,
    /// Packet too large.
    PacketTooLarge = 0x95,
    /// Message rate too high.
    MessageRateTooHigh = 0x96,
    /// Quota exceeded.
    QuotaExceeded = 0x97,
    /// Administrative action.
    AdministrativeAction = 0x98,
    /// Payload format invalid.
    PayloadFormatInvalid = 0x99,
    /// Retain not supported.
    RetainNotSupported = 0x9A,
    /// QoS not supported.
    QoSNotSupported = 0x9B,
    /// Use another server.
    UseAnotherServer = 0x9C,
    /// Server moved.
    ServerMoved = 0x9D,
    /// Shared subscriptions not supported.
    SharedSubscriptionsNotSupported = 0x9E,
    /// Connection rate exceeded.
    ConnectionRateExceeded = 0x9F,
    /// Maximum connect time.
    MaximumConnectTime = 0xA0,
    /// Subscription identifiers not supported.
    SubscriptionIdentifiersNotSupported = 0xA1,
    /// Wildcard subscriptions not supported.
    WildcardSubscriptionsNotSupported = 0xA2,
}

impl ReasonCode {
    /// What `Success` is called in DISCONNECT.
    pub const NORMAL_DISCONNECTION: Self = Self::Success;
    /// What `Success` is called in SUBACK.
    pub const GRANTED_QOS_0: Self = Self::Success;

    /// The SUBACK code that grants `qos`.
    pub const fn granted(qos: crate::QoS) -> Self {
        match qos {
            crate::QoS::AtMostOnce => Self::Success,
            crate::QoS::AtLeastOnce => Self::GrantedQoS1,
            crate::QoS::ExactlyOnce => Self::GrantedQoS2,
        }
    }

    /// Whether the operation failed (2.4: codes from 0x80 on).
    pub const fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// What 3.1.1's SUBACK says: the granted QoS or 0x80 (MQTT 3.1.1, 3.9.3).
    pub const fn suback_v311(self) -> u8 {
        if self.is_error() { 0x80 } else { self as u8 }
    }

    /// The nearest of 3.1.1's six CONNACK return codes (MQTT 3.1.1, 3.2.2.3).
    pub const fn connack_v311(self) -> u8 {
        match self as u8 {
            0x00 => 0,
            0x84 => 1,
            0x85 => 2,
            0x86 => 4,
            // Not authorized, banned, bad authentication method.
            0x87 | 0x8A | 0x8C => 5,
            // All else tells a 3.1.1 client no more than that it is not served now.
            _ => 3,
        }
    }

    /// The reason that a 3.1.1 CONNACK return code stands for; `None` for reserved ones.
    pub const fn from_connack_v311(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Success),
            1 => Some(Self::UnsupportedProtocolVersion),
            2 => Some(Self::ClientIdentifierNotValid),
            3 => Some(Self::ServerUnavailable),
            4 => Some(Self::BadUserNameOrPassword),
            5 => Some(Self::NotAuthorized),
            _ => None,
        }
    }

    /// Whether a packet of this kind may carry the code (table 2.6 of MQTT 5).
    pub const fn is_allowed_in(self, kind: PacketKind) -> bool {
        let value = self as u8;
        match kind {
            PacketKind::ConnAck => matches!(
                value,
                0x00 | 0x80..=0x8A | 0x8C | 0x90 | 0x95 | 0x97 | 0x99..=0x9D | 0x9F
            ),
            PacketKind::PubAck | PacketKind::PubRec => {
                matches!(
                    value,
                    0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99
                )
            }
            PacketKind::PubRel | PacketKind::PubComp => matches!(value, 0x00 | 0x92),
            PacketKind::SubAck => matches!(
                value,
                0x00..=0x02 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91 | 0x97 | 0x9E | 0xA1 | 0xA2
            ),
            PacketKind::UnsubAck => {
                matches!(value, 0x00 | 0x11 | 0x80 | 0x83 | 0x87 | 0x8F | 0x91)
            }
            PacketKind::Disconnect => matches!(
                value,
                0x00 | 0x04 | 0x80..=0x83 | 0x87 | 0x89 | 0x8B..=0x90 | 0x93..=0xA2
            ),
            PacketKind::Auth => matches!(value, 0x00 | 0x18 | 0x19),
            PacketKind::Connect
            | PacketKind::Publish
            | PacketKind::Subscribe
            | PacketKind::Unsubscribe
            | PacketKind::PingReq
            | PacketKind::PingResp => false,
        }
    }
}
