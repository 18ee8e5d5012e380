//! CONNECT (3.1): the packet that tells its own version.

use std::fmt;

use crate::error::{ConnectError, DecodeError, EncodeError};
use crate::packet::{ConnectProperties, Will};
use crate::reader::Reader;
use crate::types::{EXPIRY_NEVER, QoS, Version};
use crate::writer::{put_binary, put_string, put_u16};

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
