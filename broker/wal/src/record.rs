//! Bytes <-> one record. Total: any bytes decode to a record or to `None`, never a panic.
//!
//! Little endian, padded to 8 bytes: checksum of all that follows (u32) · body length (u32) · generation of the segment
//! (u32) · group (u32) · kind (u8) · key (u8) · zero (u16) · records since the batch began (u32) · sequence number (u64) ·
//! index (u64) · body. The checksum starts from the log's salt. Generation and sequence number keep a record of an
//! earlier life of the segment from being taken for a new one; the batch's begin says what was durable when this was written.

use crate::entry::{HEADER_BYTES, Header};

/// Bytes before the body.
pub(crate) const HEAD_BYTES: usize = 40;
/// Records begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// What a record does to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An entry after the last.
    Append,
    /// An entry copied forward from an old segment: replaces the entry of that index.
    Moved,
    /// Entries from `index` on are gone.
    Truncate,
    /// Entries up to and with `index` are gone.
    Purge,
    /// A small value.
    Save,
    /// Segments of generations below `index` are free. Of no group.
    Retire,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Append => 1,
            Self::Moved => 2,
            Self::Truncate => 3,
            Self::Purge => 4,
            Self::Save => 5,
            Self::Retire => 6,
        }
    }

    fn of(number: u8) -> Option<Self> {
        let all = [
            Self::Append,
            Self::Moved,
            Self::Truncate,
            Self::Purge,
            Self::Save,
            Self::Retire,
        ];
        all.into_iter().find(|kind| kind.number() == number)
    }
}

/// What a record says, without where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content<'a> {
    pub(crate) kind: Kind,
    pub(crate) group: u32,
    pub(crate) key: u8,
    pub(crate) index: u64,
    /// All zero for kinds that have none.
    pub(crate) header: Header,
    pub(crate) payload: &'a [u8],
}

impl<'a> Content<'a> {
    /// A record without header and payload.
    pub(crate) fn bare(kind: Kind, group: u32, index: u64) -> Self {
        Self {
            kind,
            group,
            key: 0,
            index,
            header: [0; HEADER_BYTES],
            payload: &[],
        }
    }

    /// A small value.
    pub(crate) fn save(group: u32, key: u8, value: &'a [u8]) -> Self {
        Self {
            key,
            payload: value,
            ..Self::bare(Kind::Save, group, 0)
        }
    }

    /// An entry or a purge: something with a header.
    pub(crate) fn with_header(
        kind: Kind,
        group: u32,
        index: u64,
        header: Header,
        payload: &'a [u8],
    ) -> Self {
        Self {
            header,
            payload,
            ..Self::bare(kind, group, index)
        }
    }

    /// Bytes the record takes, padding included.
    pub(crate) fn record_bytes(&self) -> usize {
        padded(HEAD_BYTES + header_bytes(self.kind) + self.payload.len())
    }
}

/// A record and its place in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) generation: u32,
    pub(crate) sequence: u64,
    /// Everything before this was durable when the record was written.
    pub(crate) batch_first: u64,
    pub(crate) content: Content<'a>,
}

fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

fn header_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Append | Kind::Moved | Kind::Purge => HEADER_BYTES,
        Kind::Truncate | Kind::Save | Kind::Retire => 0,
    }
}

/// Where the checksums of a log with this salt start.
pub(crate) fn seed(salt: u64) -> u32 {
    crc32c::crc32c(&salt.to_le_bytes())
}

/// Appends the record's bytes.
pub(crate) fn encode(record: &Record<'_>, seed: u32, into: &mut Vec<u8>) {
    let content = &record.content;
    let start = into.len();
    let body = header_bytes(content.kind) + content.payload.len();
    let body = u32::try_from(body).expect("bounded by the segment's size");
    let back = u32::try_from(record.sequence - record.batch_first);
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&body.to_le_bytes());
    into.extend_from_slice(&record.generation.to_le_bytes());
    into.extend_from_slice(&content.group.to_le_bytes());
    into.extend_from_slice(&[content.kind.number(), content.key, 0, 0]);
    into.extend_from_slice(&back.expect("a batch is bounded in bytes").to_le_bytes());
    into.extend_from_slice(&record.sequence.to_le_bytes());
    into.extend_from_slice(&content.index.to_le_bytes());
    into.extend_from_slice(&content.header[..header_bytes(content.kind)]);
    into.extend_from_slice(content.payload);
    let checksum = crc32c::crc32c_append(seed, &into[start + 4..]);
    into[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    into.resize(start + padded(into.len() - start), 0);
}

/// The record that `bytes` begin with, if they are a whole record of this generation, and how many bytes it takes.
pub(crate) fn decode(bytes: &[u8], generation: u32, seed: u32) -> Option<(Record<'_>, usize)> {
    let (record, whole) = decode_any(bytes, seed)?;
    (record.generation == generation).then_some((record, whole))
}

/// As [`decode`], of any generation. The generation is compared by the caller.
pub(crate) fn decode_any(bytes: &[u8], seed: u32) -> Option<(Record<'_>, usize)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let end = HEAD_BYTES.checked_add(u32_at(head, 4) as usize)?;
    let kind = Kind::of(head[16])?;
    let checked = bytes.get(4..end)?;
    if u32_at(head, 8) == 0 || crc32c::crc32c_append(seed, checked) != u32_at(head, 0) {
        return None;
    }
    let body = bytes.get(HEAD_BYTES..end)?;
    let (front, payload) = body.split_at_checked(header_bytes(kind))?;
    let mut header = [0; HEADER_BYTES];
    header[..front.len()].copy_from_slice(front);
    let sequence = u64_at(head, 24);
    let record = Record {
        generation: u32_at(head, 8),
        sequence,
        batch_first: sequence.checked_sub(u64::from(u32_at(head, 20)))?,
        content: Content {
            kind,
            group: u32_at(head, 12),
            key: head[17],
            index: u64_at(head, 32),
            header,
            payload,
        },
    };
    Some((record, padded(end).min(bytes.len())))
}

/// Whether the bytes could begin a record of this generation: cheap, for scanning.
pub(crate) fn resembles(bytes: &[u8], generation: u32) -> bool {
    bytes.len() >= HEAD_BYTES && u32_at(bytes, 8) == generation && Kind::of(bytes[16]).is_some()
}

/// Reads a little-endian number; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// As [`u32_at`].
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(payload: &[u8]) -> Record<'_> {
        let content = Content::with_header(Kind::Append, 3, 77, [9; HEADER_BYTES], payload);
        Record {
            generation: 5,
            sequence: 12,
            batch_first: 10,
            content,
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        encode(&sample(b"payload!"), seed(1), &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad, 5, seed(1)), None, "bit {bit}");
        }
    }

    #[test]
    fn another_salt_or_generation_is_another_log() {
        let mut bytes = Vec::new();
        encode(&sample(b"x"), seed(1), &mut bytes);
        assert!(decode(&bytes, 5, seed(1)).is_some());
        assert_eq!(decode(&bytes, 6, seed(1)), None);
        assert_eq!(decode(&bytes, 5, seed(2)), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(payload: Vec<u8>, group: u32, index: u64, key: u8, kind in 1u8..=6, salt: u64) {
            let kind = Kind::of(kind).unwrap();
            let mut content = Content::bare(kind, group, index);
            content.key = key;
            content.payload = &payload;
            content.header[..header_bytes(kind)].fill(7);
            let record = Record { generation: 1, sequence: 9, batch_first: 3, content };
            let mut bytes = Vec::new();
            encode(&record, seed(salt), &mut bytes);
            prop_assert_eq!(bytes.len(), content.record_bytes());
            prop_assert_eq!(decode(&bytes, 1, seed(salt)), Some((record, bytes.len())));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            decode_any(&bytes, 0);
        }
    }
}
