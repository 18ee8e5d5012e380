//! The end of the stream: gives records their sequence numbers and places, and gathers their bytes for the next write.
//! Writes nothing itself.

use crate::index::Place;
use crate::record::{self, Content, Record};
use crate::segment::{RECORDS_AT, SegmentFile, SegmentHead};
use crate::segments::Segments;

/// Bytes that go to one segment in one write.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) at: SegmentFile,
    /// The segment's head, when it is put in use: written and synced before any record.
    pub(crate) head: Option<Vec<u8>>,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// The end of the stream.
#[derive(Debug)]
pub(crate) struct Tail {
    salt: u64,
    seed: u32,
    /// Where the next record goes in the segment being written.
    offset: u64,
    /// Of the next record; the first is 1.
    next_sequence: u64,
    /// The first record of the batch being gathered: all before it are durable by the time it is written.
    batch_first: u64,
    pending: Vec<Chunk>,
    pending_bytes: usize,
}

/// What was gathered.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) last_sequence: u64,
    pub(crate) records: u64,
    pub(crate) bytes: usize,
}

impl Tail {
    pub(crate) fn new(salt: u64, offset: u64, next_sequence: u64) -> Self {
        let (seed, pending) = (record::seed(salt), Vec::new());
        Self {
            salt,
            seed,
            offset,
            next_sequence,
            batch_first: next_sequence,
            pending,
            pending_bytes: 0,
        }
    }

    pub(crate) fn seed(&self) -> u32 {
        self.seed
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// The sequence number of the last record submitted.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next_sequence - 1
    }

    fn left(&self, segments: &Segments) -> u64 {
        segments
            .active()
            .map_or(0, |active| active.at.size.saturating_sub(self.offset))
    }

    /// Bytes that fit in the segment being written and the free ones.
    pub(crate) fn room(&self, segments: &Segments) -> u64 {
        self.left(segments) + segments.spare_bytes()
    }

    /// Whether records of these sizes fit and leave `floor` bytes.
    pub(crate) fn fits(
        &self,
        segments: &Segments,
        sizes: impl Iterator<Item = usize>,
        floor: u64,
    ) -> bool {
        let mut left = self.left(segments);
        let mut spares = segments.spares.iter().map(|at| at.size - RECORDS_AT);
        for size in sizes {
            while left < size as u64 {
                let Some(next) = spares.next() else {
                    return false;
                };
                left = next;
            }
            left -= size as u64;
        }
        left + spares.sum::<u64>() >= floor
    }

    /// Adds a record, which the caller knows to fit; returns its sequence number and place.
    pub(crate) fn write(&mut self, segments: &mut Segments, content: Content<'_>) -> (u64, Place) {
        let bytes = content.record_bytes();
        while self.left(segments) < bytes as u64 {
            self.rotate(segments);
        }
        let active = segments.active().expect("a segment with room is in use");
        let generation = active.generation;
        let place = Place {
            generation,
            offset: to_u32(self.offset),
            bytes: to_u32(bytes as u64),
        };
        let sequence = self.next_sequence;
        let record = Record {
            generation,
            sequence,
            batch_first: self.batch_first,
            content,
        };
        if self.pending.is_empty() {
            let (at, offset) = (active.at.clone(), self.offset);
            self.pending.push(Chunk {
                at,
                head: None,
                offset,
                bytes: Vec::new(),
            });
        }
        let chunk = self.pending.last_mut().expect("just made sure");
        record::encode(&record, self.seed, &mut chunk.bytes);
        self.next_sequence += 1;
        self.offset += bytes as u64;
        self.pending_bytes += bytes;
        (sequence, place)
    }

    fn rotate(&mut self, segments: &mut Segments) {
        let at = segments
            .spares
            .pop_front()
            .expect("the caller has checked the room");
        let generation = segments.active().map_or(1, |active| active.generation + 1);
        let oldest = segments
            .oldest()
            .map_or(generation, |segment| segment.generation);
        let (first_sequence, salt) = (self.next_sequence, self.salt);
        let head = SegmentHead {
            generation,
            first_sequence,
            oldest,
            salt,
        };
        let head = Some(head.encode());
        self.pending.push(Chunk {
            at: at.clone(),
            head,
            offset: RECORDS_AT,
            bytes: Vec::new(),
        });
        segments.push(at, generation);
        self.offset = RECORDS_AT;
    }

    /// Takes what was gathered; `None` when there is nothing.
    pub(crate) fn take(&mut self) -> Option<Batch> {
        if self.pending.is_empty() {
            return None;
        }
        let records = self.next_sequence - self.batch_first;
        self.batch_first = self.next_sequence;
        let (chunks, bytes) = (
            std::mem::take(&mut self.pending),
            std::mem::take(&mut self.pending_bytes),
        );
        Some(Batch {
            chunks,
            last_sequence: self.last_sequence(),
            records,
            bytes,
        })
    }
}

fn to_u32(bytes: u64) -> u32 {
    u32::try_from(bytes).expect("segments are at most 2 GiB")
}
