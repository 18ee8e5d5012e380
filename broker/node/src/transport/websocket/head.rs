//! A frame's head: two bytes, a longer length if need be, and (from clients) the mask (RFC 6455, 5.2).

use super::CloseCode;
use super::mask::Mask;

/// Bytes of the longest head: two, eight of length, four of mask.
pub(super) const HEAD_BYTES_MAX: usize = 14;
/// Longest payload of a control frame, in bytes (5.5).
const CONTROL_BYTES_MAX: u64 = 125;
/// Longest payload of a data frame, in bytes: the largest packet that MQTT can say (256 MiB and its head).
/// A frame costs no memory, so the bound only ends a peer that means no packets at all.
pub(super) const FRAME_BYTES_MAX: u64 = 268_435_460;

const LAST: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn parse(bits: u8) -> Result<Self, CloseCode> {
        match bits {
            0x0 => Ok(Self::Continuation),
            0x1 => Err(CloseCode::NOT_BINARY),
            0x2 => Ok(Self::Binary),
            0x8 => Ok(Self::Close),
            0x9 => Ok(Self::Ping),
            0xa => Ok(Self::Pong),
            _ => Err(CloseCode::PROTOCOL),
        }
    }
}

/// A client's frame whose payload is coming.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    /// Whether it ends its message.
    pub(super) last: bool,
    /// Payload bytes still to come.
    pub(super) left: u64,
    mask: Mask,
}

impl Frame {
    /// Unmasks the next bytes of the payload, at most [`Self::left`].
    pub(super) fn unmask(&mut self, payload: &mut [u8]) {
        self.left -= payload.len() as u64;
        self.mask.apply(payload);
    }
}

/// Reads a head from a client; `None` wants more bytes. An error is found as early as its byte is there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>, CloseCode> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let opcode = Opcode::parse(first & 0x0f)?;
    let last = first & LAST != 0;
    // No extension was agreed on, and a client masks always.
    if first & RESERVED != 0 || second & MASKED == 0 {
        return Err(CloseCode::PROTOCOL);
    }
    let Some((left, rest)) = length(second & !MASKED, rest)? else {
        return Ok(None);
    };
    if opcode.is_control() && (!last || left > CONTROL_BYTES_MAX) {
        return Err(CloseCode::PROTOCOL);
    }
    if left > FRAME_BYTES_MAX {
        return Err(CloseCode::TOO_LONG);
    }
    let Some((mask, behind)) = rest.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let frame = Frame {
        opcode,
        last,
        left,
        mask: Mask::new(*mask),
    };
    Ok(Some((frame, bytes.len() - behind.len())))
}

/// The length in its shortest form, and what is behind it.
fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, CloseCode> {
    let (length, rest, least) = match short {
        126 => match rest.split_first_chunk::<2>() {
            Some((bytes, rest)) => (u64::from(u16::from_be_bytes(*bytes)), rest, 126),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk::<8>() {
            Some((bytes, rest)) => (u64::from_be_bytes(*bytes), rest, 1 << 16),
            None => return Ok(None),
        },
        short => (u64::from(short), rest, 0),
    };
    if length < least {
        return Err(CloseCode::PROTOCOL);
    }
    Ok(Some((length, rest)))
}

/// A head of our own: one whole message, not masked (5.1). Gives it with its length.
pub(super) fn encode(opcode: Opcode, payload_bytes: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    let mut head = [0; HEAD_BYTES_MAX];
    head[0] = LAST | opcode.bits();
    if let Ok(short @ 0..=125) = u8::try_from(payload_bytes) {
        head[1] = short;
        (head, 2)
    } else if let Ok(medium) = u16::try_from(payload_bytes) {
        head[1] = 126;
        head[2..4].copy_from_slice(&medium.to_be_bytes());
        (head, 4)
    } else {
        head[1] = 127;
        head[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
        (head, 10)
    }
}
