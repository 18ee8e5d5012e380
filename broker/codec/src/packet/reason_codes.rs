//! The list of reason codes in SUBACK and UNSUBACK.

use std::fmt;

use crate::error::DecodeError;
use crate::packet::PacketKind;
use crate::reader::Reader;
use crate::reason::ReasonCode;

impl ReasonCode {
    /// The next byte, if it is a code that the packet may carry.
    pub(crate) fn read(kind: PacketKind, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = reader.u8()?;
        Self::from_u8(byte)
            .filter(|code| code.is_allowed_in(kind))
            .ok_or(DecodeError::ReasonCode(byte))
    }
}

/// Reason codes, one per filter asked for: a view of a packet's bytes, or codes to be encoded.
#[derive(Clone, Copy)]
pub struct ReasonCodes<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Validated bytes.
    Bytes(&'a [u8]),
    Codes(&'a [ReasonCode]),
}

impl<'a> ReasonCodes<'a> {
    /// The given codes, to be encoded.
    pub const fn new(codes: &'a [ReasonCode]) -> Self {
        Self(Source::Codes(codes))
    }

    /// All that is left of a packet.
    pub(crate) fn read(kind: PacketKind, mut reader: Reader<'a>) -> Result<Self, DecodeError> {
        let bytes = reader.rest();
        if bytes.is_empty() {
            return Err(DecodeError::ListEmpty);
        }
        while !reader.is_empty() {
            ReasonCode::read(kind, &mut reader)?;
        }
        Ok(Self(Source::Bytes(bytes)))
    }

    /// The codes in order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + use<'a> {
        let (bytes, codes): (&'a [u8], &'a [_]) = match self.0 {
            Source::Bytes(bytes) => (bytes, &[]),
            Source::Codes(codes) => (&[], codes),
        };
        bytes
            .iter()
            .filter_map(|&byte| ReasonCode::from_u8(byte))
            .chain(codes.iter().copied())
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        match self.0 {
            Source::Bytes(bytes) => bytes.len(),
            Source::Codes(codes) => codes.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ReasonCodes<'_> {}

impl fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
