//! Bytes to packets: framing, then one packet's body. Keeps no state between calls: the caller offers the
//! same bytes again, and more, when a packet is not whole yet.

use crate::error::{ConnectError, DecodeError};
use crate::limits::PACKET_BYTES_MAX;
use crate::packet::{
    Acknowledgement, Auth, ConnAck, Connect, Disconnect, Packet, PacketKind, Publish, SubAck,
    Subscribe, UnsubAck, Unsubscribe,
};
use crate::reader::{self, Reader};
use crate::types::Version;

/// Bounds on what is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Longest packet, header included; checked as soon as the header is there (3.1.2.11.4).
    pub packet_bytes_max: usize,
}

impl Default for DecodeLimits {
    /// Nothing but the protocol's own bound.
    fn default() -> Self {
        Self {
            packet_bytes_max: PACKET_BYTES_MAX,
        }
    }
}

/// What the bytes hold so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoded<P> {
    /// A whole packet.
    Packet {
        /// It.
        packet: P,
        /// Bytes it took; what follows belongs to the next one.
        consumed: usize,
    },
    /// Not a whole packet yet.
    Incomplete {
        /// Bytes needed in all, at least; exact once the header is there. Never more than the limit.
        needed: usize,
    },
}

/// Decodes the packet at the start of `bytes`. A CONNECT is decoded in the version it names.
#[inline]
pub fn decode<'a>(
    bytes: &'a [u8],
    version: Version,
    limits: &DecodeLimits,
) -> Result<Decoded<Packet<'a>>, DecodeError> {
    let Some(&first) = bytes.first() else {
        return Ok(Decoded::Incomplete { needed: 2 });
    };
    let kind = check_first(first, version)?;
    let (body, consumed) = match frame(bytes, limits)? {
        Frame::Whole { body, consumed } => (Reader::new(body), consumed),
        Frame::Incomplete { needed } => return Ok(Decoded::Incomplete { needed }),
    };
    let packet = decode_body(first, kind, body, version)?;
    Ok(Decoded::Packet { packet, consumed })
}

/// Decodes the first packet of a connection, which must be CONNECT (MQTT-3.1.0-1). Other traffic, TLS or
/// HTTP for instance, is refused at its first byte.
pub fn decode_connect<'a>(
    bytes: &'a [u8],
    limits: &DecodeLimits,
) -> Result<Decoded<Connect<'a>>, ConnectError> {
    let unknown = |error| ConnectError {
        error,
        version: None,
    };
    if let Some(&first) = bytes.first()
        && first != PacketKind::Connect.first_byte()
    {
        let error = if PacketKind::from_first_byte(first) == Some(PacketKind::Connect) {
            DecodeError::HeaderFlags(first)
        } else {
            DecodeError::NotConnect
        };
        return Err(unknown(error));
    }
    match frame(bytes, limits).map_err(unknown)? {
        Frame::Whole { body, consumed } => Ok(Decoded::Packet {
            packet: Connect::decode(Reader::new(body))?,
            consumed,
        }),
        Frame::Incomplete { needed } => Ok(Decoded::Incomplete { needed }),
    }
}

/// One packet's place among the bytes.
enum Frame<'a> {
    Whole { body: &'a [u8], consumed: usize },
    Incomplete { needed: usize },
}

/// Reads the remaining length and checks it before anybody waits for that much.
#[inline]
fn frame<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Frame<'a>, DecodeError> {
    let behind_type = bytes.get(1..).unwrap_or_default();
    let Some((remaining, length_bytes)) = reader::variable(behind_type)? else {
        // The type byte and a length that is not complete: one byte more at least.
        return Ok(Frame::Incomplete {
            needed: (bytes.len() + 1).max(2),
        });
    };
    let start = 1 + length_bytes;
    let packet_bytes = start + remaining as usize;
    if packet_bytes > limits.packet_bytes_max {
        return Err(DecodeError::PacketTooLarge {
            packet_bytes: packet_bytes as u32,
        });
    }
    match bytes.get(start..packet_bytes) {
        Some(body) => Ok(Frame::Whole {
            body,
            consumed: packet_bytes,
        }),
        None => Ok(Frame::Incomplete {
            needed: packet_bytes,
        }),
    }
}

/// Type and reserved flags (2.1.2, 2.1.3).
#[inline]
fn check_first(first: u8, version: Version) -> Result<PacketKind, DecodeError> {
    let kind = PacketKind::from_first_byte(first).ok_or(DecodeError::PacketType(first >> 4))?;
    if kind == PacketKind::Publish {
        return Ok(kind);
    }
    if kind == PacketKind::Auth && !version.is_v5() {
        return Err(DecodeError::PacketType(first >> 4));
    }
    // MQTT 3.1 knew DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE too.
    let is_dup_of_31 = version == Version::V31
        && kind.reserved_flags() != 0
        && first == kind.first_byte() | 0b1000;
    if first != kind.first_byte() && !is_dup_of_31 {
        return Err(DecodeError::HeaderFlags(first));
    }
    Ok(kind)
}

#[inline]
fn decode_body<'a>(
    first: u8,
    kind: PacketKind,
    body: Reader<'a>,
    version: Version,
) -> Result<Packet<'a>, DecodeError> {
    Ok(match kind {
        PacketKind::Publish => Packet::Publish(Publish::decode(first, body, version)?),
        PacketKind::PubAck => Packet::PubAck(Acknowledgement::decode(kind, body, version)?),
        PacketKind::PubRec => Packet::PubRec(Acknowledgement::decode(kind, body, version)?),
        PacketKind::PubRel => Packet::PubRel(Acknowledgement::decode(kind, body, version)?),
        PacketKind::PubComp => Packet::PubComp(Acknowledgement::decode(kind, body, version)?),
        PacketKind::Connect => Packet::Connect(Connect::decode(body).map_err(|e| e.error)?),
        PacketKind::ConnAck => Packet::ConnAck(ConnAck::decode(body, version)?),
        PacketKind::Subscribe => Packet::Subscribe(Subscribe::decode(body, version)?),
        PacketKind::SubAck => Packet::SubAck(SubAck::decode(body, version)?),
        PacketKind::Unsubscribe => Packet::Unsubscribe(Unsubscribe::decode(body, version)?),
        PacketKind::UnsubAck => Packet::UnsubAck(UnsubAck::decode(body, version)?),
        PacketKind::Disconnect => Packet::Disconnect(Disconnect::decode(body, version)?),
        PacketKind::Auth => Packet::Auth(Auth::decode(body)?),
        PacketKind::PingReq => {
            body.finish()?;
            Packet::PingReq
        }
        PacketKind::PingResp => {
            body.finish()?;
            Packet::PingResp
        }
    })
}
