//! Frames within a chunk: length of the body, kind, correlation id, body; little endian. Pure.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before each body: length 4, kind 1, correlation id 8.
pub(super) const HEAD_BYTES: usize = 13;

/// The kind of an answer. No [`Kind`](super::Kind) has these numbers.
pub(super) const ANSWER: u8 = 0;
/// The kind of an answer that says that there is none.
pub(super) const NO_ANSWER: u8 = 255;

/// The correlation id of a frame that nobody answers.
pub(super) const ONE_WAY: u64 = 0;

/// One frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) correlation: u64,
    pub(super) body: Bytes,
}

/// A chunk ends in the middle of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Torn;

/// Appends a frame.
///
/// # Panics
///
/// The body has 4 GiB; no caller has one that may be that long.
pub(super) fn put(buffer: &mut BytesMut, kind: u8, correlation: u64, body: &[u8]) {
    let length = u32::try_from(body.len()).expect("a body is far below 4 GiB");
    buffer.reserve(HEAD_BYTES + body.len());
    buffer.put_u32_le(length);
    buffer.put_u8(kind);
    buffer.put_u64_le(correlation);
    buffer.put_slice(body);
}

/// Takes the next frame off the front; `None` at the end. The body shares the chunk's memory.
pub(super) fn take(frames: &mut Bytes) -> Result<Option<Frame>, Torn> {
    if frames.is_empty() {
        return Ok(None);
    }
    if frames.len() < HEAD_BYTES {
        return Err(Torn);
    }
    let length = frames.get_u32_le() as usize;
    let kind = frames.get_u8();
    let correlation = frames.get_u64_le();
    if frames.len() < length {
        return Err(Torn);
    }
    let body = frames.split_to(length);
    Ok(Some(Frame {
        kind,
        correlation,
        body,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(bodies in prop::collection::vec((any::<u8>(), any::<u64>(), prop::collection::vec(any::<u8>(), 0..64)), 0..8)) {
            let mut buffer = BytesMut::new();
            for (kind, correlation, body) in &bodies {
                put(&mut buffer, *kind, *correlation, body);
            }
            let mut frames = buffer.freeze();
            for (kind, correlation, body) in bodies {
                let frame = take(&mut frames).unwrap().unwrap();
                prop_assert_eq!(frame, Frame { kind, correlation, body: body.into() });
            }
            prop_assert_eq!(take(&mut frames), Ok(None));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let mut frames = Bytes::from(bytes);
            while let Ok(Some(_)) = take(&mut frames) {}
        }
    }
}
