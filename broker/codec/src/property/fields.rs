//! Reads any property block but those of messages into one flat record. Not for the hot path.

use std::num::{NonZeroU16, NonZeroU32};

use super::{Admission, UserProperties, id, read_bool, read_subscription_id};
use crate::error::DecodeError;
use crate::reader::Reader;

/// Every property outside PUBLISH and will, as far as present.
#[derive(Debug, Default)]
pub(crate) struct PropertyFields<'a> {
    pub(crate) subscription_id: Option<u32>,
    pub(crate) session_expiry_seconds: Option<u32>,
    pub(crate) assigned_client_id: Option<&'a str>,
    pub(crate) server_keep_alive_seconds: Option<u16>,
    pub(crate) authentication_method: Option<&'a str>,
    pub(crate) authentication_data: Option<&'a [u8]>,
    pub(crate) request_problem_information: Option<bool>,
    pub(crate) request_response_information: Option<bool>,
    pub(crate) response_information: Option<&'a str>,
    pub(crate) server_reference: Option<&'a str>,
    pub(crate) reason_string: Option<&'a str>,
    pub(crate) receive_maximum: Option<NonZeroU16>,
    pub(crate) topic_alias_maximum: Option<u16>,
    pub(crate) maximum_qos: Option<bool>,
    pub(crate) retain_available: Option<bool>,
    pub(crate) maximum_packet_bytes: Option<NonZeroU32>,
    pub(crate) wildcard_available: Option<bool>,
    pub(crate) subscription_ids_available: Option<bool>,
    pub(crate) shared_available: Option<bool>,
    pub(crate) user_properties: UserProperties<'a>,
}

impl<'a> PropertyFields<'a> {
    /// Reads a block in which the identifiers of the set `allowed` may stand.
    pub(crate) fn read(reader: &mut Reader<'a>, allowed: u64) -> Result<Self, DecodeError> {
        let block = reader.property_block()?;
        let mut fields = Self::default();
        let mut admission = Admission::new(allowed, 1 << id::USER_PROPERTY);
        let mut properties = Reader::new(block);
        while !properties.is_empty() {
            let id = properties.u8()?;
            admission.admit(id)?;
            fields.read_value(id, &mut properties)?;
        }
        if admission.has_seen(id::USER_PROPERTY) {
            fields.user_properties = UserProperties::in_block(block);
        }
        // 3.1.2.11.10: data belongs to a method.
        if fields.authentication_data.is_some() && fields.authentication_method.is_none() {
            return Err(DecodeError::AuthenticationDataAlone);
        }
        Ok(fields)
    }

    fn read_value(&mut self, id: u8, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let value_error = DecodeError::PropertyValue(id);
        match id {
            id::SUBSCRIPTION_IDENTIFIER => {
                self.subscription_id = Some(read_subscription_id(reader)?);
            }
            id::SESSION_EXPIRY_INTERVAL => self.session_expiry_seconds = Some(reader.u32()?),
            id::ASSIGNED_CLIENT_IDENTIFIER => self.assigned_client_id = Some(reader.string()?),
            id::SERVER_KEEP_ALIVE => self.server_keep_alive_seconds = Some(reader.u16()?),
            id::AUTHENTICATION_METHOD => self.authentication_method = Some(reader.string()?),
            id::AUTHENTICATION_DATA => self.authentication_data = Some(reader.binary()?),
            id::REQUEST_PROBLEM_INFORMATION => {
                self.request_problem_information = Some(read_bool(id, reader)?);
            }
            id::REQUEST_RESPONSE_INFORMATION => {
                self.request_response_information = Some(read_bool(id, reader)?);
            }
            id::RESPONSE_INFORMATION => self.response_information = Some(reader.string()?),
            id::SERVER_REFERENCE => self.server_reference = Some(reader.string()?),
            id::REASON_STRING => self.reason_string = Some(reader.string()?),
            id::RECEIVE_MAXIMUM => {
                self.receive_maximum = Some(NonZeroU16::new(reader.u16()?).ok_or(value_error)?);
            }
            id::TOPIC_ALIAS_MAXIMUM => self.topic_alias_maximum = Some(reader.u16()?),
            id::MAXIMUM_QOS => self.maximum_qos = Some(read_bool(id, reader)?),
            id::RETAIN_AVAILABLE => self.retain_available = Some(read_bool(id, reader)?),
            id::MAXIMUM_PACKET_SIZE => {
                let bytes = NonZeroU32::new(reader.u32()?).ok_or(value_error)?;
                self.maximum_packet_bytes = Some(bytes);
            }
            id::WILDCARD_SUBSCRIPTION_AVAILABLE => {
                self.wildcard_available = Some(read_bool(id, reader)?);
            }
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => {
                self.subscription_ids_available = Some(read_bool(id, reader)?);
            }
            id::SHARED_SUBSCRIPTION_AVAILABLE => {
                self.shared_available = Some(read_bool(id, reader)?);
            }
            id::USER_PROPERTY => {
                reader.string()?;
                reader.string()?;
            }
            // Message properties stand in no set that comes here.
            _ => return Err(DecodeError::PropertyMisplaced(id)),
        }
        Ok(())
    }
}
