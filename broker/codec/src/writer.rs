//! Appends the wire types of MQTT 5, 1.5 to a buffer. Must not know any packet.

use crate::error::EncodeError;
use crate::limits::{FIELD_BYTES_MAX, REMAINING_BYTES_MAX};

#[inline]
pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

#[inline]
pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Two bytes of length and the bytes.
#[inline]
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), EncodeError> {
    let Ok(len) = u16::try_from(bytes.len()) else {
        return Err(EncodeError::FieldTooLong {
            field_bytes: bytes.len(),
        });
    };
    put_u16(out, len);
    out.extend_from_slice(bytes);
    Ok(())
}

#[inline]
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) -> Result<(), EncodeError> {
    put_binary(out, text.as_bytes())
}

/// How many bytes a variable byte integer takes; the value must be within [`REMAINING_BYTES_MAX`].
#[inline]
pub(crate) const fn variable_len(value: usize) -> usize {
    match value {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

/// A variable byte integer; the value must be within [`REMAINING_BYTES_MAX`].
#[inline(always)]
pub(crate) fn put_variable(out: &mut Vec<u8>, value: usize) {
    if value < 0x80 {
        out.push(value as u8);
    } else if value < 0x4000 {
        out.extend_from_slice(&[value as u8 | 0x80, (value >> 7) as u8]);
    } else {
        put_wide_variable(out, value);
    }
}

#[cold]
fn put_wide_variable(out: &mut Vec<u8>, value: usize) {
    let (bytes, len) = variable_bytes(value);
    out.extend_from_slice(&bytes[..len]);
}

/// What `write` appends, behind its length as a variable byte integer.
pub(crate) fn put_counted(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let at = out.len();
    // Nearly always one byte is enough; if not, the content moves up.
    out.push(0);
    write(out)?;
    let end = out.len();
    let len = end - at - 1;
    if len > REMAINING_BYTES_MAX {
        return Err(EncodeError::PacketTooLong);
    }
    let (bytes, width) = variable_bytes(len);
    if width > 1 {
        out.extend_from_slice(&[0; 3][..width - 1]);
        out.copy_within(at + 1..end, at + width);
    }
    out[at..at + width].copy_from_slice(&bytes[..width]);
    Ok(())
}

fn variable_bytes(value: usize) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let width = variable_len(value);
    for (index, byte) in bytes.iter_mut().take(width).enumerate() {
        let more = if index + 1 < width { 0x80 } else { 0 };
        *byte = (value >> (7 * index)) as u8 & 0x7f | more;
    }
    (bytes, width)
}

const _: () = assert!(FIELD_BYTES_MAX == u16::MAX as usize);
