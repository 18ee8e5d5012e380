//! Why bytes are not a packet, with the reason code to say so, and why a packet cannot become bytes.
//! Must not carry bytes of a peer: an error is safe to log.

use crate::{ReasonCode, TopicError, Version};

/// Why the bytes are not an MQTT packet. The connection must be closed (4.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Packet type 0, or AUTH before MQTT 5.
    #[error("reserved packet type {0}")]
    PacketType(u8),
    /// The first packet of a connection must be CONNECT (MQTT-3.1.0-1).
    #[error("the first packet is not CONNECT")]
    NotConnect,
    /// Reserved flag bits of the first byte are not as they must be (MQTT-2.1.3-1).
    #[error("wrong flags in first byte {0:#04x}")]
    HeaderFlags(u8),
    /// Over four bytes, or more bytes than needed (MQTT-1.5.5-1).
    #[error("malformed variable byte integer")]
    VariableByteInteger,
    /// The whole packet would be longer than allowed.
    #[error("packet of {packet_bytes} bytes is too large")]
    PacketTooLarge {
        /// Length of the whole packet, header included.
        packet_bytes: u32,
    },
    /// A field runs past the end of its packet or property block.
    #[error("a field runs past the end of its packet")]
    Truncated,
    /// The packet is longer than its fields.
    #[error("bytes left over behind the last field")]
    TrailingBytes,
    /// A string is not UTF-8, or encodes a surrogate (MQTT-1.5.4-1).
    #[error("string is not UTF-8")]
    Utf8,
    /// A string contains U+0000 (MQTT-1.5.4-2).
    #[error("string contains U+0000")]
    NulCharacter,
    /// Packet id 0 (MQTT-2.2.1-3).
    #[error("packet id is 0")]
    PacketIdZero,
    /// QoS 3 (MQTT-3.3.1-4).
    #[error("QoS 3")]
    QoSReserved,
    /// DUP set at QoS 0 (MQTT-3.3.1-2).
    #[error("DUP flag at QoS 0")]
    DupAtQoS0,
    /// The topic name breaks a rule of 4.7.
    #[error("topic name: {0}")]
    TopicName(TopicError),
    /// Empty topic name and no topic alias (MQTT 5, 3.3.2.1).
    #[error("neither topic name nor topic alias")]
    TopicMissing,
    /// The topic filter breaks a rule of 4.7 or 4.8.2.
    #[error("topic filter: {0}")]
    TopicFilter(TopicError),
    /// No such property (2.2.2.2).
    #[error("unknown property {0:#04x}")]
    PropertyUnknown(u8),
    /// The property does not belong into this packet (2.2.2.2).
    #[error("property {0:#04x} does not belong here")]
    PropertyMisplaced(u8),
    /// The property may come only once.
    #[error("property {0:#04x} comes twice")]
    PropertyRepeated(u8),
    /// The property's value is not allowed.
    #[error("property {0:#04x} has a value that is not allowed")]
    PropertyValue(u8),
    /// Topic alias 0 (MQTT-3.3.2-8).
    #[error("topic alias is 0")]
    TopicAliasZero,
    /// Authentication data without a method (3.1.2.11.10).
    #[error("authentication data without method")]
    AuthenticationDataAlone,
    /// The protocol name is neither `MQTT` nor `MQIsdp` (MQTT-3.1.2-1).
    #[error("unknown protocol name")]
    ProtocolName,
    /// No protocol of that name has this level (MQTT-3.1.2-2).
    #[error("unsupported protocol level {0}")]
    ProtocolLevel(u8),
    /// The reserved flag of CONNECT or CONNACK is set (MQTT-3.1.2-3, MQTT-3.2.2-1).
    #[error("reserved flags set: {0:#04x}")]
    ReservedFlags(u8),
    /// Will QoS or will retain without a will, or will QoS 3 (MQTT-3.1.2-11 to -15).
    #[error("will flags do not fit together")]
    WillFlags,
    /// Before MQTT 5 a password needs a user name (MQTT-3.1.2-22 of 3.1.1).
    #[error("password without user name")]
    PasswordAlone,
    /// Before MQTT 5 an empty client id asks for a clean session (MQTT-3.1.3-8 of 3.1.1); 3.1 has none at all.
    #[error("empty client identifier")]
    ClientIdEmpty,
    /// SUBSCRIBE, UNSUBSCRIBE or their answers without an entry (MQTT-3.8.3-2).
    #[error("the list is empty")]
    ListEmpty,
    /// Reserved bits or values among subscription options (MQTT-3.8.3-5).
    #[error("reserved subscription options {0:#04x}")]
    SubscriptionOptions(u8),
    /// No local on a shared subscription (MQTT-3.8.3-4).
    #[error("no local on a shared subscription")]
    NoLocalOnShared,
    /// No reason code for this packet.
    #[error("reason code {0:#04x} does not belong here")]
    ReasonCode(u8),
    /// Session present in a CONNACK that refuses (MQTT-3.2.2-6).
    #[error("session present in a refusal")]
    SessionPresentInRefusal,
}

impl DecodeError {
    /// A bad topic name; U+0000 makes any string malformed, not only a name (MQTT-1.5.4-2).
    pub(crate) const fn of_topic_name(error: TopicError) -> Self {
        match error {
            TopicError::NulCharacter => Self::NulCharacter,
            TopicError::Empty
            | TopicError::TooLong
            | TopicError::Wildcard
            | TopicError::WildcardPlace
            | TopicError::ShareName
            | TopicError::ShareFilter => Self::TopicName(error),
        }
    }

    /// The reason code for DISCONNECT or CONNACK.
    pub const fn reason(self) -> ReasonCode {
        match self {
            Self::PacketType(_)
            | Self::HeaderFlags(_)
            | Self::VariableByteInteger
            | Self::Truncated
            | Self::TrailingBytes
            | Self::Utf8
            | Self::NulCharacter
            | Self::QoSReserved
            | Self::DupAtQoS0
            | Self::PropertyUnknown(_)
            | Self::PropertyMisplaced(_)
            | Self::ReservedFlags(_)
            | Self::WillFlags
            | Self::ReasonCode(_) => ReasonCode::MalformedPacket,
            // Reserved bits are malformed (MQTT-3.8.3-5), reserved values a protocol error (3.8.3.1).
            Self::SubscriptionOptions(options) if options & 0b1100_0000 != 0 => {
                ReasonCode::MalformedPacket
            }
            Self::NotConnect
            | Self::PacketIdZero
            | Self::TopicMissing
            | Self::PropertyRepeated(_)
            | Self::PropertyValue(_)
            | Self::AuthenticationDataAlone
            | Self::PasswordAlone
            | Self::ListEmpty
            | Self::NoLocalOnShared
            | Self::SubscriptionOptions(_)
            | Self::SessionPresentInRefusal => ReasonCode::ProtocolError,
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::TopicName(_) => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::TopicFilterInvalid,
            Self::TopicAliasZero => ReasonCode::TopicAliasInvalid,
            Self::ProtocolName | Self::ProtocolLevel(_) => ReasonCode::UnsupportedProtocolVersion,
            Self::ClientIdEmpty => ReasonCode::ClientIdentifierNotValid,
        }
    }
}

/// Why the first bytes of a connection are not a CONNECT, and in which version to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct ConnectError {
    /// What is wrong.
    #[source]
    pub error: DecodeError,
    /// The version to answer in, once the bytes have told.
    pub version: Option<Version>,
}

impl ConnectError {
    /// Version and reason of the CONNACK to send before closing; `None` means close silently.
    /// 3.1.1 has return codes for a bad level and a bad client id only (MQTT-3.1.2-2, MQTT-3.1.3-8 of 3.1.1).
    pub fn refusal(&self) -> Option<(Version, ReasonCode)> {
        let version = self.version?;
        let reason = self.error.reason();
        let has_code = version.is_v5()
            || reason == ReasonCode::UnsupportedProtocolVersion
            || reason == ReasonCode::ClientIdentifierNotValid;
        has_code.then_some((version, reason))
    }
}

/// Why a packet cannot become bytes; nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A string or binary field is longer than [`crate::FIELD_BYTES_MAX`].
    #[error("field of {field_bytes} bytes is too long")]
    FieldTooLong {
        /// Its length.
        field_bytes: usize,
    },
    /// The packet would be longer than [`crate::PACKET_BYTES_MAX`].
    #[error("packet is too long for the protocol")]
    PacketTooLong,
    /// QoS above 0 and no packet id, or QoS 0 and one.
    #[error("packet id does not fit the QoS")]
    PacketId,
    /// Subscription identifier 0 or above [`crate::SUBSCRIPTION_ID_MAX`].
    #[error("subscription identifier out of range")]
    SubscriptionId,
    /// The version has no such packet.
    #[error("the version has no such packet")]
    NotInVersion,
}
