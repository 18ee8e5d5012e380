//! Reading entries: planned under the log's lock, read from disk without it. Every record read is checked again.

use std::ops::Range;

use bytes::Bytes;

use crate::entry::Entry;
use crate::error::ReadError;
use crate::index::Slot;
use crate::record::{self, Kind};
use crate::segment::SegmentFile;

/// Records of other groups that are read along rather than read around.
const GAP_BYTES_MAX: u64 = 8 << 10;
/// Bytes of one read.
const SPAN_BYTES_MAX: u64 = 1 << 20;

/// Where one entry comes from.
#[derive(Debug)]
pub(crate) enum Part {
    Memory(Entry),
    Disk {
        index: u64,
        slot: Slot,
        at: SegmentFile,
    },
}

/// Entries to be read, in order.
#[derive(Debug)]
pub(crate) struct ReadPlan {
    pub(crate) group: u32,
    pub(crate) seed: u32,
    pub(crate) parts: Vec<Part>,
}

impl ReadPlan {
    /// Reads what is not in memory. A record that is not there may have been moved meanwhile: the caller looks again.
    pub(crate) fn run(&self) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::with_capacity(self.parts.len());
        let mut span = Span::default();
        for (n, part) in self.parts.iter().enumerate() {
            match part {
                Part::Memory(entry) => entries.push(entry.clone()),
                Part::Disk { index, slot, at } => {
                    if !span.holds(slot) {
                        span = Span::read(at, self.span_from(n, slot))?;
                    }
                    let entry = span.entry(self.group, *index, slot, self.seed);
                    entries.push(entry.ok_or_else(|| damaged(self.group, *index, slot, at))?);
                }
            }
        }
        Ok(entries)
    }

    /// How far one read beginning with part `n` should go.
    fn span_from(&self, n: usize, first: &Slot) -> (u32, Range<u64>) {
        let start = u64::from(first.place.offset);
        let mut end = start + u64::from(first.place.bytes);
        for part in &self.parts[n + 1..] {
            let Part::Disk { slot, .. } = part else { break };
            let next =
                u64::from(slot.place.offset)..u64::from(slot.place.offset + slot.place.bytes);
            let near = slot.place.generation == first.place.generation
                && (end..=end + GAP_BYTES_MAX).contains(&next.start)
                && next.end - start <= SPAN_BYTES_MAX;
            if !near {
                break;
            }
            end = next.end;
        }
        (first.place.generation, start..end)
    }
}

/// Bytes of one segment, read at once.
#[derive(Debug, Default)]
struct Span {
    generation: u32,
    start: u64,
    bytes: Bytes,
}

impl Span {
    fn read(at: &SegmentFile, (generation, range): (u32, Range<u64>)) -> Result<Self, ReadError> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        at.file
            .read_at(range.start, &mut bytes)
            .map_err(|source| ReadError::Io {
                file: at.name.to_string(),
                source,
            })?;
        Ok(Self {
            generation,
            start: range.start,
            bytes: bytes.into(),
        })
    }

    fn holds(&self, slot: &Slot) -> bool {
        let offset = u64::from(slot.place.offset);
        let end = self.start + self.bytes.len() as u64;
        self.generation == slot.place.generation
            && self.start <= offset
            && offset + u64::from(slot.place.bytes) <= end
    }

    fn entry(&self, group: u32, index: u64, slot: &Slot, seed: u32) -> Option<Entry> {
        let at = (u64::from(slot.place.offset) - self.start) as usize;
        let bytes = self.bytes.get(at..at + slot.place.bytes as usize)?;
        let (record, _) = record::decode(bytes, slot.place.generation, seed)?;
        let content = record.content;
        let is_entry = matches!(content.kind, Kind::Append | Kind::Moved);
        let same = is_entry && content.group == group && content.index == index;
        same.then(|| Entry {
            index,
            header: content.header,
            payload: self.bytes.slice_ref(content.payload),
        })
    }
}

fn damaged(group: u32, index: u64, slot: &Slot, at: &SegmentFile) -> ReadError {
    let (file, offset) = (at.name.to_string(), u64::from(slot.place.offset));
    ReadError::Damaged {
        group,
        index,
        file,
        offset,
    }
}
