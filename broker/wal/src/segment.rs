//! One segment file: its head, its name, and what of it is still needed. No reading of records here.
//!
//! A head fills the first sector alone, so that writing records never touches it: magic (8) · format (u32) · generation
//! (u32) · first sequence number (u64) · oldest generation still needed (u64) · salt (u64) · checksum (u32).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::record::{u32_at, u64_at};

/// Where records begin.
pub(crate) const RECORDS_AT: u64 = 512;
/// The format this program writes and the newest it reads.
pub(crate) const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"QRTEWAL\0";
const HEAD_BYTES: usize = 44;

/// What a segment's first sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) generation: u32,
    pub(crate) first_sequence: u64,
    pub(crate) oldest: u32,
    pub(crate) salt: u64,
}

/// What can be said of a file's first bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ParsedHead {
    Valid(SegmentHead),
    /// Written by a newer version.
    Newer(u32),
    /// Never used, torn while it was being written, or damaged.
    Nothing,
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.first_sequence.to_le_bytes());
        bytes.extend_from_slice(&u64::from(self.oldest).to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> ParsedHead {
        let Some(head) = bytes.get(..HEAD_BYTES) else {
            return ParsedHead::Nothing;
        };
        let checksum = crc32c::crc32c(&head[..HEAD_BYTES - 4]);
        if head[..8] != MAGIC || checksum != u32_at(head, HEAD_BYTES - 4) {
            return ParsedHead::Nothing;
        }
        let format = u32_at(head, 8);
        if format > FORMAT {
            return ParsedHead::Newer(format);
        }
        let Ok(oldest) = u32::try_from(u64_at(head, 24)) else {
            return ParsedHead::Nothing;
        };
        let (first_sequence, salt) = (u64_at(head, 16), u64_at(head, 32));
        ParsedHead::Valid(Self {
            generation: u32_at(head, 12),
            first_sequence,
            oldest,
            salt,
        })
    }
}

/// A preallocated file.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    pub(crate) name: Arc<str>,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) size: u64,
}

/// A file that holds records of one generation.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) at: SegmentFile,
    pub(crate) generation: u32,
    /// Bytes of records that are still needed, by group.
    live: BTreeMap<u32, u64>,
    live_bytes: u64,
}

impl Segment {
    pub(crate) fn new(at: SegmentFile, generation: u32) -> Self {
        Self {
            at,
            generation,
            live: BTreeMap::new(),
            live_bytes: 0,
        }
    }

    pub(crate) fn needs(&mut self, group: u32, bytes: u32) {
        *self.live.entry(group).or_default() += u64::from(bytes);
        self.live_bytes += u64::from(bytes);
    }

    pub(crate) fn needs_no_more(&mut self, group: u32, bytes: u32) {
        let left = self
            .live
            .get_mut(&group)
            .expect("what is released was counted");
        *left -= u64::from(bytes);
        self.live_bytes -= u64::from(bytes);
        if *left == 0 {
            self.live.remove(&group);
        }
    }

    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    pub(crate) fn live_groups(&self) -> &BTreeMap<u32, u64> {
        &self.live
    }
}

/// The name of a finished segment file.
pub(crate) fn name_of(number: u32) -> String {
    format!("{number:08}.wal")
}

/// The name of a segment file while it is being allocated.
pub(crate) fn unfinished_name_of(number: u32) -> String {
    format!("{number:08}.new")
}

/// The number in a segment file's name, finished or not.
pub(crate) fn number_in(name: &str) -> Option<u32> {
    let number = name
        .strip_suffix(".wal")
        .or_else(|| name.strip_suffix(".new"))?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_and_a_flipped_bit_does_not() {
        let head = SegmentHead {
            generation: 7,
            first_sequence: 99,
            oldest: 3,
            salt: 0xABCD,
        };
        let bytes = head.encode();
        assert_eq!(SegmentHead::parse(&bytes), ParsedHead::Valid(head));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHead::parse(&bad), ParsedHead::Nothing, "bit {bit}");
        }
        assert_eq!(SegmentHead::parse(&bytes[..20]), ParsedHead::Nothing);
    }

    #[test]
    fn names_count() {
        assert_eq!(number_in(&name_of(12)), Some(12));
        assert_eq!(number_in(&unfinished_name_of(3)), Some(3));
        assert_eq!(number_in("lock"), None);
    }
}
