//! What goes in and out of the log: entries, points in a group's log, and what was found at start.
//! Plain values; no encoding here.

use std::collections::BTreeMap;

use bytes::Bytes;

/// Bytes of an entry's header.
pub const HEADER_BYTES: usize = 24;

/// What the owner must know of an entry without reading its payload (a term, the leader's id): opaque to the log,
/// kept in memory for every entry.
pub type Header = [u8; HEADER_BYTES];

/// One entry of one group's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the group's log; indexes of a group are consecutive.
    pub index: u64,
    /// Opaque; see [`Header`].
    pub header: Header,
    /// Opaque, at most the log's `payload_bytes_max`.
    pub payload: Bytes,
}

/// An index together with the header of its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPoint {
    /// The entry's index.
    pub index: u64,
    /// The entry's header.
    pub header: Header,
}

/// What the log holds of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The first index still there, if there is any entry.
    pub first: Option<u64>,
    /// The last entry still there; not the purged point when there is none.
    pub last: Option<LogPoint>,
    /// The point up to which the group was purged, itself included.
    pub purged: Option<LogPoint>,
    /// The small values (a vote, the committed point) by key.
    pub values: BTreeMap<u8, Bytes>,
}

/// Where a torn tail was cut off at start: an unfinished write that nobody was told about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment's file name.
    pub file: String,
    /// The offset of the first record that is not whole.
    pub offset: u64,
}

/// What was found when the log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// By group.
    pub groups: BTreeMap<u32, GroupState>,
    /// Where the end of the log was torn, if later records of the unfinished write show that it was.
    pub torn: Option<TornTail>,
}
