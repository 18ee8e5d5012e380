//! CONNECT (3.1): the packet that tells its own version.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};

use crate::error::{ConnectError, DecodeError, EncodeError};
use crate::packet::Will;
use crate::property::{
    PropertyFields, UserProperties, id, put_binary_property, put_string_property, put_u8_property,
    put_u16_property, put_u32_property,
};
use crate::reader::Reader;
use crate::types::{EXPIRY_NEVER, QoS, Version};
use crate::writer::{put_binary, put_counted, put_string, put_u16};

const USER_NAME: u8 = 0b1000_0000;
const PASSWORD: u8 = 0b0100_0000;
const WILL_RETAIN: u8 = 0b0010_0000;
const WILL_QOS_SHIFT: u8 = 3;
const WILL: u8 = 0b0000_0100;
const CLEAN_START: u8 = 0b0000_0010;
const RESERVED: u8 = 0b0000_0001;

/// A client asks for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// What both sides speak from here on.
    pub version: Version,
    /// Client identifier; empty asks the server to assign one.
    pub client_id: &'a str,
    /// Discard what an earlier session left (*clean session* before MQTT 5).
    pub clean_start: bool,
    /// Seconds between packets at most; 0 turns keep alive off.
    pub keep_alive_seconds: u16,
    /// Published when the connection is lost.
    pub will: Option<Will<'a>>,
    /// User name.
    pub user_name: Option<&'a str>,
    /// Password or token.
    pub password: Option<Password<'a>>,
    /// Properties; none before MQTT 5.
    pub properties: ConnectProperties<'a>,
}

/// A secret: its `Debug` form does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(pub &'a [u8]);

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Properties of CONNECT (3.1.2.11).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ConnectProperties<'a> {
    /// Seconds the session outlives the connection; see [`Connect::session_expiry_seconds`].
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

impl<'a> Connect<'a> {
    /// A clean session without will, credentials or properties, keep alive off.
    pub const fn new(version: Version, client_id: &'a str) -> Self {
        Self {
            version,
            client_id,
            clean_start: true,
            keep_alive_seconds: 0,
            will: None,
            user_name: None,
            password: None,
            properties: ConnectProperties::NONE,
        }
    }

    /// Seconds the session outlives the connection; 0 ends with it, [`EXPIRY_NEVER`] never ends.
    /// Before MQTT 5 a session either is clean or stays for ever.
    pub fn session_expiry_seconds(&self) -> u32 {
        if self.version.is_v5() {
            self.properties.session_expiry_seconds.unwrap_or(0)
        } else if self.clean_start {
            0
        } else {
            EXPIRY_NEVER
        }
    }

    pub(crate) fn decode(mut reader: Reader<'a>) -> Result<Self, ConnectError> {
        let version = read_version(&mut reader)?;
        Self::decode_rest(reader, version).map_err(|error| ConnectError {
            error,
            version: Some(version),
        })
    }

    fn decode_rest(mut reader: Reader<'a>, version: Version) -> Result<Self, DecodeError> {
        let flags = reader.u8()?;
        check_flags(flags, version)?;
        let clean_start = flags & CLEAN_START != 0;
        let keep_alive_seconds = reader.u16()?;
        let properties = if version.is_v5() {
            ConnectProperties::read(&mut reader)?
        } else {
            ConnectProperties::NONE
        };
        let client_id = reader.string()?;
        let needs_client_id = match version {
            Version::V31 => true,
            Version::V311 => !clean_start,
            Version::V5 => false,
        };
        if needs_client_id && client_id.is_empty() {
            return Err(DecodeError::ClientIdEmpty);
        }
        let will = read_will(flags, &mut reader, version)?;
        let user_name = (flags & USER_NAME != 0).then(|| reader.string());
        let user_name = user_name.transpose()?;
        let password = (flags & PASSWORD != 0).then(|| reader.binary());
        let password = password.transpose()?.map(Password);
        reader.finish()?;
        Ok(Self {
            version,
            client_id,
            clean_start,
            keep_alive_seconds,
            will,
            user_name,
            password,
            properties,
        })
    }

    /// In the version it names.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (name, level) = match self.version {
            Version::V31 => ("MQIsdp", 3),
            Version::V311 => ("MQTT", 4),
            Version::V5 => ("MQTT", 5),
        };
        put_string(out, name)?;
        out.extend_from_slice(&[level, self.flags()]);
        put_u16(out, self.keep_alive_seconds);
        if self.version.is_v5() {
            self.properties.write(out)?;
        }
        put_string(out, self.client_id)?;
        if let Some(will) = &self.will {
            will.encode(self.version, out)?;
        }
        if let Some(user_name) = self.user_name {
            put_string(out, user_name)?;
        }
        if let Some(Password(password)) = self.password {
            put_binary(out, password)?;
        }
        Ok(())
    }

    fn flags(&self) -> u8 {
        let mut flags = 0;
        if self.clean_start {
            flags |= CLEAN_START;
        }
        if let Some(will) = &self.will {
            flags |= WILL | (will.qos as u8) << WILL_QOS_SHIFT;
            if will.retain {
                flags |= WILL_RETAIN;
            }
        }
        if self.user_name.is_some() {
            flags |= USER_NAME;
        }
        if self.password.is_some() {
            flags |= PASSWORD;
        }
        flags
    }
}

/// Protocol name and level (3.1.2.1, 3.1.2.2).
fn read_version(reader: &mut Reader<'_>) -> Result<Version, ConnectError> {
    let unknown = |error| ConnectError {
        error,
        version: None,
    };
    let name = reader.binary().map_err(unknown)?;
    let level = reader.u8().map_err(unknown)?;
    let error = match (name, level) {
        (b"MQTT", 5) => return Ok(Version::V5),
        (b"MQTT", 4) => return Ok(Version::V311),
        (b"MQIsdp", 3) => return Ok(Version::V31),
        (b"MQTT" | b"MQIsdp", _) => DecodeError::ProtocolLevel(level),
        _ => return Err(unknown(DecodeError::ProtocolName)),
    };
    // Who is newer than we are will understand MQTT 5's answer, who is older 3.1.1's.
    let answer = if level > 5 {
        Version::V5
    } else {
        Version::V311
    };
    Err(ConnectError {
        error,
        version: Some(answer),
    })
}

/// Which flags may stand together (3.1.2.3 to 3.1.2.9).
fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    if flags & RESERVED != 0 {
        return Err(DecodeError::ReservedFlags(flags));
    }
    if flags & WILL == 0 && flags & (WILL_RETAIN | 0b11 << WILL_QOS_SHIFT) != 0 {
        return Err(DecodeError::WillFlags);
    }
    if !version.is_v5() && flags & PASSWORD != 0 && flags & USER_NAME == 0 {
        return Err(DecodeError::PasswordAlone);
    }
    Ok(())
}

fn read_will<'a>(
    flags: u8,
    reader: &mut Reader<'a>,
    version: Version,
) -> Result<Option<Will<'a>>, DecodeError> {
    if flags & WILL == 0 {
        return Ok(None);
    }
    let qos = QoS::from_bits(flags >> WILL_QOS_SHIFT & 0b11).ok_or(DecodeError::WillFlags)?;
    Will::decode(qos, flags & WILL_RETAIN != 0, reader, version).map(Some)
}

impl<'a> ConnectProperties<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
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

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
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
