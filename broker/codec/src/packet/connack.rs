//! CONNACK (3.2).

use std::num::{NonZeroU16, NonZeroU32};

use crate::error::{DecodeError, EncodeError};
use crate::packet::PacketKind;
use crate::property::{
    PropertyFields, UserProperties, id, put_binary_property, put_string_property, put_u8_property,
    put_u16_property, put_u32_property,
};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::types::{QoS, Version};
use crate::writer::put_counted;

/// The server grants or refuses a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// The server kept state of an earlier session; never set in a refusal (MQTT-3.2.2-6).
    pub session_present: bool,
    /// `Success` or why not; before MQTT 5 by way of [`ReasonCode::connack_v311`].
    pub reason: ReasonCode,
    /// Properties; none before MQTT 5.
    pub properties: ConnAckProperties<'a>,
}

/// Properties of CONNACK (3.2.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnAckProperties<'a> {
    /// Session expiry interval, where it is not the client's.
    pub session_expiry_seconds: Option<u32>,
    /// QoS 1 and 2 messages the server takes at once; 65 535 if absent.
    pub receive_maximum: Option<NonZeroU16>,
    /// Highest QoS the server takes.
    pub maximum_qos: QoS,
    /// Whether it keeps retained messages.
    pub retain_available: bool,
    /// Longest packet it takes; no bound if absent.
    pub maximum_packet_bytes: Option<NonZeroU32>,
    /// The client id it gave to a client that named none.
    pub assigned_client_id: Option<&'a str>,
    /// Highest topic alias it takes; 0 takes none.
    pub topic_alias_maximum: u16,
    /// For people who read logs.
    pub reason_string: Option<&'a str>,
    /// Whether filters may have wildcards.
    pub wildcard_available: bool,
    /// Whether subscriptions may have identifiers.
    pub subscription_ids_available: bool,
    /// Whether subscriptions may be shared.
    pub shared_available: bool,
    /// Keep alive to use instead of the client's.
    pub server_keep_alive_seconds: Option<u16>,
    /// A basis for response topics.
    pub response_information: Option<&'a str>,
    /// Another server to use.
    pub server_reference: Option<&'a str>,
    /// Method of enhanced authentication.
    pub authentication_method: Option<&'a str>,
    /// The method's last data.
    pub authentication_data: Option<&'a [u8]>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl ConnAckProperties<'_> {
    /// What holds when nothing is said.
    pub const NONE: Self = Self {
        session_expiry_seconds: None,
        receive_maximum: None,
        maximum_qos: QoS::ExactlyOnce,
        retain_available: true,
        maximum_packet_bytes: None,
        assigned_client_id: None,
        topic_alias_maximum: 0,
        reason_string: None,
        wildcard_available: true,
        subscription_ids_available: true,
        shared_available: true,
        server_keep_alive_seconds: None,
        response_information: None,
        server_reference: None,
        authentication_method: None,
        authentication_data: None,
        user_properties: UserProperties::NONE,
    };
}

impl Default for ConnAckProperties<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a> ConnAck<'a> {
    /// A refusal without words.
    pub const fn refusal(reason: ReasonCode) -> Self {
        Self {
            session_present: false,
            reason,
            properties: ConnAckProperties::NONE,
        }
    }

    pub(crate) fn decode(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        if flags > 1 {
            return Err(DecodeError::ReservedFlags(flags));
        }
        let session_present = flags == 1;
        let (reason, properties) = if version.is_v5() {
            let reason = ReasonCode::read(PacketKind::ConnAck, &mut reader)?;
            (reason, ConnAckProperties::read(&mut reader)?)
        } else {
            let code = reader.u8()?;
            let reason = ReasonCode::from_connack_v311(code);
            let reason = reason.ok_or(DecodeError::ReasonCode(code))?;
            (reason, ConnAckProperties::NONE)
        };
        reader.finish()?;
        if session_present && reason != ReasonCode::Success {
            return Err(DecodeError::SessionPresentInRefusal);
        }
        Ok(Self {
            session_present,
            reason,
            properties,
        })
    }

    pub(crate) fn encode(&self, version: Version, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.push(u8::from(self.session_present));
        if version.is_v5() {
            out.push(self.reason as u8);
            self.properties.write(out)
        } else {
            out.push(self.reason.connack_v311());
            Ok(())
        }
    }
}

impl<'a> ConnAckProperties<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[
            id::SESSION_EXPIRY_INTERVAL,
            id::RECEIVE_MAXIMUM,
            id::MAXIMUM_QOS,
            id::RETAIN_AVAILABLE,
            id::MAXIMUM_PACKET_SIZE,
            id::ASSIGNED_CLIENT_IDENTIFIER,
            id::TOPIC_ALIAS_MAXIMUM,
            id::REASON_STRING,
            id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
            id::SHARED_SUBSCRIPTION_AVAILABLE,
            id::SERVER_KEEP_ALIVE,
            id::RESPONSE_INFORMATION,
            id::SERVER_REFERENCE,
            id::AUTHENTICATION_METHOD,
            id::AUTHENTICATION_DATA,
            id::USER_PROPERTY,
        ]);
        let fields = PropertyFields::read(reader, ALLOWED)?;
        let maximum_qos = match fields.maximum_qos {
            None => QoS::ExactlyOnce,
            Some(true) => QoS::AtLeastOnce,
            Some(false) => QoS::AtMostOnce,
        };
        Ok(Self {
            session_expiry_seconds: fields.session_expiry_seconds,
            receive_maximum: fields.receive_maximum,
            maximum_qos,
            retain_available: fields.retain_available.unwrap_or(true),
            maximum_packet_bytes: fields.maximum_packet_bytes,
            assigned_client_id: fields.assigned_client_id,
            topic_alias_maximum: fields.topic_alias_maximum.unwrap_or(0),
            reason_string: fields.reason_string,
            wildcard_available: fields.wildcard_available.unwrap_or(true),
            subscription_ids_available: fields.subscription_ids_available.unwrap_or(true),
            shared_available: fields.shared_available.unwrap_or(true),
            server_keep_alive_seconds: fields.server_keep_alive_seconds,
            response_information: fields.response_information,
            server_reference: fields.server_reference,
            authentication_method: fields.authentication_method,
            authentication_data: fields.authentication_data,
            user_properties: fields.user_properties,
        })
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_counted(out, |out| {
            self.write_numbers(out);
            let strings = [
                (id::ASSIGNED_CLIENT_IDENTIFIER, self.assigned_client_id),
                (id::REASON_STRING, self.reason_string),
                (id::RESPONSE_INFORMATION, self.response_information),
                (id::SERVER_REFERENCE, self.server_reference),
                (id::AUTHENTICATION_METHOD, self.authentication_method),
            ];
            for (id, value) in strings {
                put_string_property(out, id, value)?;
            }
            put_binary_property(out, id::AUTHENTICATION_DATA, self.authentication_data)?;
            self.user_properties.write(out)
        })
    }

    fn write_numbers(&self, out: &mut Vec<u8>) {
        if let Some(seconds) = self.session_expiry_seconds {
            put_u32_property(out, id::SESSION_EXPIRY_INTERVAL, seconds);
        }
        if let Some(count) = self.receive_maximum {
            put_u16_property(out, id::RECEIVE_MAXIMUM, count.get());
        }
        // Its absence is how QoS 2 is said.
        if self.maximum_qos != QoS::ExactlyOnce {
            put_u8_property(out, id::MAXIMUM_QOS, self.maximum_qos as u8);
        }
        if let Some(bytes) = self.maximum_packet_bytes {
            put_u32_property(out, id::MAXIMUM_PACKET_SIZE, bytes.get());
        }
        if self.topic_alias_maximum != 0 {
            put_u16_property(out, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
        }
        if let Some(seconds) = self.server_keep_alive_seconds {
            put_u16_property(out, id::SERVER_KEEP_ALIVE, seconds);
        }
        let available = [
            (id::RETAIN_AVAILABLE, self.retain_available),
            (id::WILDCARD_SUBSCRIPTION_AVAILABLE, self.wildcard_available),
            (
                id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
                self.subscription_ids_available,
            ),
            (id::SHARED_SUBSCRIPTION_AVAILABLE, self.shared_available),
        ];
        for (id, _) in available.into_iter().filter(|(_, is_there)| !is_there) {
            put_u8_property(out, id, 0);
        }
    }
}
