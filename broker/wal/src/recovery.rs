//! From files to a log: which segments belong to it, where it ends, what it holds. Repairs only what nobody was told
//! of, the torn end; refuses everything else that is not as it was written.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::Disk;
use crate::entry::{LogPoint, TornTail};
use crate::error::OpenError;
use crate::index::{Group, Place, Slot};
use crate::record::{self, Content, Kind};
use crate::segment::{FORMAT, ParsedHead, RECORDS_AT, SegmentFile, SegmentHead, number_in};
use crate::segments::Segments;

mod replay;
mod scan;

use replay::Replay;
use scan::{Walk, later_records, walk};

/// What a log is built from.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) segments: Segments,
    pub(crate) groups: BTreeMap<u32, Group>,
    pub(crate) salt: Option<u64>,
    /// Where the next record goes in the last segment.
    pub(crate) offset: u64,
    pub(crate) next_sequence: u64,
    pub(crate) torn: Option<TornTail>,
}

/// Segment files by what their heads say.
#[derive(Debug, Default)]
struct Files {
    headed: BTreeMap<u32, (SegmentHead, SegmentFile)>,
    headless: Vec<SegmentFile>,
    too_small: Vec<SegmentFile>,
    next_number: u32,
}

pub(crate) fn recover(disk: &dyn Disk) -> Result<Found, OpenError> {
    let mut files = find_files(disk)?;
    let Some((newest, (newest_head, _))) = files.headed.last_key_value() else {
        refuse_headless_records(&files, 0)?;
        return Ok(empty(files));
    };
    let (newest, newest_head) = (*newest, *newest_head);
    refuse_headless_records(&files, newest)?;
    let end = find_end(&files.headed[&newest])?;
    let oldest = end.oldest.max(newest_head.oldest);
    let used = take_chain(&mut files, oldest, newest)?;
    let replay = replay_chain(&used, &end)?;
    make_end_durable(&used, &end)?;
    let groups = replay.groups()?;
    let segments = arrange(files, used, &groups);
    let torn = end.torn_tail(&segments);
    let salt = Some(newest_head.salt);
    Ok(Found {
        segments,
        groups,
        salt,
        offset: end.walk.end,
        next_sequence: end.walk.next_sequence,
        torn,
    })
}

fn empty(files: Files) -> Found {
    let (segments, groups) = (
        arrange(files, Vec::new(), &BTreeMap::new()),
        BTreeMap::new(),
    );
    Found {
        segments,
        groups,
        salt: None,
        offset: 0,
        next_sequence: 1,
        torn: None,
    }
}

fn find_files(disk: &dyn Disk) -> Result<Files, OpenError> {
    let mut files = Files::default();
    let names = disk
        .list()
        .map_err(failed("listing", "the log's directory"))?;
    for name in names {
        let Some(number) = number_in(&name) else {
            continue;
        };
        files.next_number = files.next_number.max(number.saturating_add(1));
        if name.ends_with(".new") {
            disk.remove(&name).map_err(failed("removing", &name))?;
            continue;
        }
        let file = disk.open(&name).map_err(failed("opening", &name))?;
        let size = file.size().map_err(failed("measuring", &name))?;
        sort_file(
            &mut files,
            SegmentFile {
                name: name.into(),
                file,
                size,
            },
        )?;
    }
    // A name seen here may not be durable, and the file behind it is about to be relied on.
    disk.sync_dir()
        .map_err(failed("syncing", "the log's directory"))?;
    Ok(files)
}

fn sort_file(files: &mut Files, at: SegmentFile) -> Result<(), OpenError> {
    if at.size <= RECORDS_AT || at.size > crate::limits::SEGMENT_BYTES_MAX {
        files.too_small.push(at);
        return Ok(());
    }
    let mut head = vec![0; RECORDS_AT as usize];
    at.file
        .read_at(0, &mut head)
        .map_err(failed("reading", &at.name))?;
    match SegmentHead::parse(&head) {
        ParsedHead::Nothing => files.headless.push(at),
        ParsedHead::Newer(found) => {
            let file = at.name.to_string();
            return Err(OpenError::NewerFormat {
                file,
                found,
                known: FORMAT,
            });
        }
        ParsedHead::Valid(head) => {
            let name = Arc::clone(&at.name);
            if files.headed.insert(head.generation, (head, at)).is_some() {
                return Err(damaged(&name, 0, "its generation is there twice"));
            }
        }
    }
    Ok(())
}

/// A head is synced before any record, so records of a newer generation behind no head mean that the head was damaged.
fn refuse_headless_records(files: &Files, newest: u32) -> Result<(), OpenError> {
    for at in &files.headless {
        let bytes = read_all(at)?;
        // The salt stood in the head that is gone; the other heads have the same.
        let first = bytes.get(RECORDS_AT as usize..).unwrap_or_default();
        let Some((head, _)) = files.headed.values().next_back() else {
            // No head at all: records cannot be checked, but files never used have zeros there.
            if first.iter().any(|byte| *byte != 0) {
                return Err(damaged(&at.name, 0, "its head is not readable"));
            }
            continue;
        };
        let salt = head.salt;
        let mut found =
            scan::records_in(first, record::seed(salt), |generation| generation > newest);
        if found.next().is_some() {
            return Err(damaged(
                &at.name,
                0,
                "its head is not readable, but it has records",
            ));
        }
    }
    Ok(())
}

/// How the newest segment ends.
#[derive(Debug)]
struct End {
    bytes: Vec<u8>,
    walk: Walk,
    /// As the records of the newest segment say.
    oldest: u32,
    /// One past the last stale record behind the end.
    stale_end: Option<u64>,
}

impl End {
    fn torn_tail(&self, segments: &Segments) -> Option<TornTail> {
        let file = segments.active()?.at.name.to_string();
        self.stale_end.map(|_| TornTail {
            file,
            offset: self.walk.end,
        })
    }
}

fn find_end((head, at): &(SegmentHead, SegmentFile)) -> Result<End, OpenError> {
    let bytes = read_all(at)?;
    let mut oldest = 0;
    let walk = walk(&bytes, head, |_, content| {
        if content.kind == Kind::Retire {
            oldest = oldest.max(u32::try_from(content.index).unwrap_or(u32::MAX));
        }
    });
    let mut stale_end = None;
    for (end, record) in later_records(&bytes, head, walk.end) {
        if record.batch_first > walk.next_sequence {
            // Written after the record before it was synced: that one was durable, and is not what it was.
            return Err(damaged(
                &at.name,
                walk.end,
                "a durable record is not what was written",
            ));
        }
        stale_end = Some(end);
    }
    Ok(End {
        bytes,
        walk,
        oldest,
        stale_end,
    })
}

/// The segments from `oldest` to `newest`, each there once.
fn take_chain(
    files: &mut Files,
    oldest: u32,
    newest: u32,
) -> Result<Vec<(SegmentHead, SegmentFile)>, OpenError> {
    let mut chain = Vec::new();
    for generation in oldest..=newest {
        let Some(segment) = files.headed.remove(&generation) else {
            return Err(OpenError::Missing { generation });
        };
        chain.push(segment);
    }
    Ok(chain)
}

fn replay_chain(used: &[(SegmentHead, SegmentFile)], end: &End) -> Result<Replay, OpenError> {
    let mut replay = Replay::default();
    let Some(((last_head, _), closed)) = used.split_last() else {
        return Ok(replay);
    };
    for (n, (head, at)) in closed.iter().enumerate() {
        let bytes = read_all(at)?;
        let walk = walk(&bytes, head, |place, content| replay.apply(place, content));
        if walk.next_sequence != used[n + 1].0.first_sequence {
            return Err(damaged(
                &at.name,
                walk.end,
                "a durable record is not what was written",
            ));
        }
    }
    walk(&end.bytes, last_head, |place, content| {
        replay.apply(place, content)
    });
    Ok(replay)
}

/// What was read may not be on disk yet, or no more after a failed sync: writes head and last batch again, clears what
/// is stale behind the end so that it can never follow new records, and syncs.
fn make_end_durable(used: &[(SegmentHead, SegmentFile)], end: &End) -> Result<(), OpenError> {
    let Some((head, at)) = used.last() else {
        return Ok(());
    };
    let (from, to) = (end.walk.last_batch as usize, end.walk.end as usize);
    let mut bytes = end.bytes[from..to].to_vec();
    if let Some(stale_end) = end.stale_end {
        let cleared = (stale_end as usize).min(end.bytes.len());
        bytes.resize(cleared - from, 0);
    }
    let write = |offset, bytes: &[u8]| {
        at.file
            .write_at(offset, bytes)
            .map_err(failed("writing", &at.name))
    };
    write(0, &head.encode())?;
    write(from as u64, &bytes)?;
    at.file.sync_data().map_err(failed("syncing", &at.name))
}

fn arrange(
    files: Files,
    used: Vec<(SegmentHead, SegmentFile)>,
    groups: &BTreeMap<u32, Group>,
) -> Segments {
    let mut segments = Segments::default();
    segments.next_number = files.next_number;
    for (head, at) in used {
        segments.push(at, head.generation);
    }
    for (number, group) in groups {
        for place in group.places() {
            segments.needs(*number, place);
        }
    }
    let free = files.headed.into_values().map(|(_, at)| at);
    segments.spares.extend(free.chain(files.headless));
    segments.surplus = files.too_small;
    segments
}

fn read_all(at: &SegmentFile) -> Result<Vec<u8>, OpenError> {
    let mut bytes = vec![0; at.size as usize];
    at.file
        .read_at(0, &mut bytes)
        .map_err(failed("reading", &at.name))?;
    Ok(bytes)
}

fn failed(action: &'static str, file: &str) -> impl FnOnce(io::Error) -> OpenError {
    let file = file.to_owned();
    move |source| OpenError::Io {
        action,
        file,
        source,
    }
}

fn damaged(file: &str, offset: u64, what: &'static str) -> OpenError {
    OpenError::Damaged {
        file: file.to_owned(),
        offset,
        what,
    }
}
