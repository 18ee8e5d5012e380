//! Properties of CONNECT (3.1.2.11): what the client can take and asks for. Must not grant any of it.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use crate::error::{DecodeError, EncodeError};
use crate::property::{
    PropertyFields, UserProperties, id, put_binary_property, put_string_property, put_u8_property,
    put_u16_property, put_u32_property,
};
use crate::reader::Reader;
use crate::writer::put_counted;

/// Properties of CONNECT (3.1.2.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectProperties<'a> {
    /// Seconds the session outlives the connection; see [`crate::Connect::session_expiry_seconds`].
    pub session_expiry_seconds: Option<u32>,
    /// QoS 1 and 2 messages the client takes at once; 65 535 if absent.
    pub receive_maximum: Option<NonZeroU16>,
    /// Longest packet the client takes; no bound if absent.
    pub maximum_packet_bytes: Option<NonZeroU32>,
    /// Highest topic alias the client takes; 0 takes none.
    pub topic_alias_maximum: u16,
    /// The client would like response information in CONNACK.
    pub request_response_information: bool,
    /// The client takes reason strings and user properties in answers; true if absent.
    pub request_problem_information: bool,
    /// Asks for enhanced authentication.
    pub authentication_method: Option<&'a str>,
    /// The method's first data.
    pub authentication_data: Option<&'a [u8]>,
    /// User properties.
    pub user_properties: UserProperties<'a>,
}

impl ConnectProperties<'_> {
    /// What holds when nothing is said.
    pub const NONE: Self = Self {
        session_expiry_seconds: None,
        receive_maximum: None,
        maximum_packet_bytes: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        authentication_method: None,
        authentication_data: None,
        user_properties: UserProperties::NONE,
    };
}

impl Default for ConnectProperties<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for ConnectProperties<'_> {
    /// Without authentication data: secrets never reach logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectProperties")
            .field("session_expiry_seconds", &self.session_expiry_seconds)
            .field("receive_maximum", &self.receive_maximum)
            .field("maximum_packet_bytes", &self.maximum_packet_bytes)
            .field("topic_alias_maximum", &self.topic_alias_maximum)
            .field("authentication_method", &self.authentication_method)
            .field("user_properties", &self.user_properties)
            .finish_non_exhaustive()
    }
}

impl<'a> ConnectProperties<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        const ALLOWED: u64 = id::set(&[
            id::SESSION_EXPIRY_INTERVAL,
            id::RECEIVE_MAXIMUM,
            id::MAXIMUM_PACKET_SIZE,
            id::TOPIC_ALIAS_MAXIMUM,
            id::REQUEST_RESPONSE_INFORMATION,
            id::REQUEST_PROBLEM_INFORMATION,
            id::AUTHENTICATION_METHOD,
            id::AUTHENTICATION_DATA,
            id::USER_PROPERTY,
        ]);
        let fields = PropertyFields::read(reader, ALLOWED)?;
        Ok(Self {
            session_expiry_seconds: fields.session_expiry_seconds,
            receive_maximum: fields.receive_maximum,
            maximum_packet_bytes: fields.maximum_packet_bytes,
            topic_alias_maximum: fields.topic_alias_maximum.unwrap_or(0),
            request_response_information: fields.request_response_information.unwrap_or(false),
            request_problem_information: fields.request_problem_information.unwrap_or(true),
            authentication_method: fields.authentication_method,
            authentication_data: fields.authentication_data,
            user_properties: fields.user_properties,
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_counted(out, |out| {
            if let Some(seconds) = self.session_expiry_seconds {
                put_u32_property(out, id::SESSION_EXPIRY_INTERVAL, seconds);
            }
            if let Some(count) = self.receive_maximum {
                put_u16_property(out, id::RECEIVE_MAXIMUM, count.get());
            }
            if let Some(bytes) = self.maximum_packet_bytes {
                put_u32_property(out, id::MAXIMUM_PACKET_SIZE, bytes.get());
            }
            if self.topic_alias_maximum != 0 {
                put_u16_property(out, id::TOPIC_ALIAS_MAXIMUM, self.topic_alias_maximum);
            }
            if self.request_response_information {
                put_u8_property(out, id::REQUEST_RESPONSE_INFORMATION, 1);
            }
            if !self.request_problem_information {
                put_u8_property(out, id::REQUEST_PROBLEM_INFORMATION, 0);
            }
            put_string_property(out, id::AUTHENTICATION_METHOD, self.authentication_method)?;
            put_binary_property(out, id::AUTHENTICATION_DATA, self.authentication_data)?;
            self.user_properties.write(out)
        })
    }
}
