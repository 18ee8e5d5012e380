//! One request to change the log, and how much room it may take. A value; the log carries it out.

use bytes::Bytes;

use crate::entry::{Entry, LogPoint};
use crate::record::{Content, Kind};

/// What is asked of the log.
#[derive(Debug)]
pub(crate) enum Submission {
    Append(Vec<Entry>),
    /// The first index that goes.
    Truncate(u64),
    Purge(LogPoint),
    Save(u8, Bytes),
}

/// How much of the last room a submission may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Leaves the whole reserve.
    Entries,
    /// Leaves half of it.
    Value,
    /// Leaves nothing: what frees space must always fit.
    Freeing,
}

impl Submission {
    /// What lies after `last_kept` goes; everything when it is `None`.
    pub(crate) fn truncate_after(last_kept: Option<u64>) -> Self {
        let first_gone = last_kept.map_or(0, |last| last.saturating_add(1));
        Self::Truncate(first_gone)
    }

    pub(crate) fn claim(&self) -> Claim {
        match self {
            Self::Append(_) => Claim::Entries,
            Self::Save(..) => Claim::Value,
            Self::Truncate(_) | Self::Purge(_) => Claim::Freeing,
        }
    }

    /// The sizes of its records.
    pub(crate) fn sizes(&self) -> impl Iterator<Item = usize> {
        let (entries, one) = match self {
            Self::Append(entries) => (entries.as_slice(), None),
            Self::Truncate(index) => (
                &[][..],
                Some(Content::bare(Kind::Truncate, 0, *index).record_bytes()),
            ),
            Self::Purge(point) => (&[][..], Some(purge_content(0, point).record_bytes())),
            Self::Save(key, value) => (&[][..], Some(Content::save(0, *key, value).record_bytes())),
        };
        entries
            .iter()
            .map(|entry| append_content(0, entry).record_bytes())
            .chain(one)
    }
}

pub(crate) fn append_content(group: u32, entry: &Entry) -> Content<'_> {
    Content::with_header(
        Kind::Append,
        group,
        entry.index,
        entry.header,
        &entry.payload,
    )
}

pub(crate) fn purge_content(group: u32, point: &LogPoint) -> Content<'static> {
    Content::with_header(Kind::Purge, group, point.index, point.header, &[])
}
