//! A cursor over the bytes of one packet: the wire types of MQTT 5, 1.5. Must not know any packet.

use crate::error::DecodeError;
use crate::scan::has_nul;
use crate::types::PacketId;

/// What is left of a packet or property block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left when a packet has been read.
    #[inline]
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes)
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(DecodeError::Truncated);
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(DecodeError::Truncated);
        };
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or(DecodeError::PacketIdZero)
    }

    /// A variable byte integer (1.5.5), in no more bytes than it needs.
    #[inline]
    pub(crate) fn variable(&mut self) -> Result<u32, DecodeError> {
        match variable(self.rest)? {
            Some((value, len)) => {
                self.take(len)?;
                Ok(value)
            }
            None => Err(DecodeError::Truncated),
        }
    }

    /// Two bytes of length and that many bytes (1.5.6).
    #[inline]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A UTF-8 string (1.5.4).
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let text = self.text()?;
        if has_nul(text.as_bytes()) {
            return Err(DecodeError::NulCharacter);
        }
        Ok(text)
    }

    /// A UTF-8 string whose content the caller checks, U+0000 included.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.binary()?).map_err(|_| DecodeError::Utf8)
    }

    /// The next property block: its length and as many bytes (2.2.2).
    #[inline]
    pub(crate) fn property_block(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.variable()?;
        self.take(len as usize)
    }
}

/// A variable byte integer at the start of `bytes` with its length; `None` if its end is not there yet.
#[inline]
pub(crate) fn variable(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    match *bytes {
        [low, ..] if low < 0x80 => Ok(Some((low.into(), 1))),
        [low, high, ..] if high < 0x80 => {
            // A last byte of 0 adds nothing: the value fits in fewer bytes (MQTT-1.5.5-1).
            if high == 0 {
                return Err(DecodeError::VariableByteInteger);
            }
            Ok(Some((u32::from(low & 0x7f) | u32::from(high) << 7, 2)))
        }
        _ => variable_slow(bytes),
    }
}

fn variable_slow(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 {
                return Err(DecodeError::VariableByteInteger);
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(DecodeError::VariableByteInteger);
    }
    Ok(None)
}
