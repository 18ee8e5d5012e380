//! Finding records in a segment's bytes. Says what is there, not what it means.

use crate::index::Place;
use crate::record::{self, ALIGN, Content, Record};
use crate::segment::{RECORDS_AT, SegmentHead};

/// Where the unbroken run of records from a segment's start ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    /// The first offset that holds no next record.
    pub(crate) end: u64,
    /// The sequence number the next record would have.
    pub(crate) next_sequence: u64,
    /// Where the last batch of the run begins.
    pub(crate) last_batch: u64,
}

/// Visits the records of a segment in order, as long as each follows the one before.
pub(crate) fn walk(
    bytes: &[u8],
    head: &SegmentHead,
    mut visit: impl FnMut(Place, &Content<'_>),
) -> Walk {
    let seed = record::seed(head.salt);
    let mut walk = Walk {
        end: RECORDS_AT,
        next_sequence: head.first_sequence,
        last_batch: RECORDS_AT,
    };
    let mut batch = 0;
    loop {
        let rest = bytes.get(walk.end as usize..).unwrap_or_default();
        let Some((record, size)) = record::decode(rest, head.generation, seed) else {
            return walk;
        };
        if record.sequence != walk.next_sequence {
            return walk;
        }
        if record.batch_first != batch {
            (batch, walk.last_batch) = (record.batch_first, walk.end);
        }
        // Segments are at most 2 GiB.
        let place = Place {
            generation: head.generation,
            offset: walk.end as u32,
            bytes: size as u32,
        };
        visit(place, &record.content);
        walk.end += size as u64;
        walk.next_sequence += 1;
    }
}

/// Whole records of the segment's own generation behind `end`, each with the offset one past it.
pub(crate) fn later_records<'a>(
    bytes: &'a [u8],
    head: &SegmentHead,
    end: u64,
) -> impl Iterator<Item = (u64, Record<'a>)> {
    let own = head.generation;
    let rest = bytes.get(end as usize..).unwrap_or_default();
    let found = records_in(rest, record::seed(head.salt), move |generation| {
        generation == own
    });
    found.map(move |(at, record)| (end + at, record))
}

/// Whole records anywhere in `bytes` whose generation is wanted, each with the offset one past it.
pub(crate) fn records_in(
    bytes: &[u8],
    seed: u32,
    wanted: impl Fn(u32) -> bool,
) -> impl Iterator<Item = (u64, Record<'_>)> {
    let offsets = (0..bytes.len()).step_by(ALIGN);
    offsets.filter_map(move |at| {
        let rest = &bytes[at..];
        let generation = rest.get(8..12).map(|bytes| record::u32_at(bytes, 0))?;
        if !wanted(generation) || !record::resembles(rest, generation) {
            return None;
        }
        let (record, size) = record::decode(rest, generation, seed)?;
        Some(((at + size) as u64, record))
    })
}
