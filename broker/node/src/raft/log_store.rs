//! One group's part of the write-ahead log, as openraft wants it: votes and entries go through the same
//! ordered stream, and nothing is reported before it is synced. It keeps no state of its own.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::time::Duration;

use futures::{Stream, TryStreamExt, stream};
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use quorate_wal::{Wal, WalError};
use tokio::sync::oneshot;

use super::encoding;
use super::limits::ENTRIES_READ_BYTES_MAX;
use super::type_config::{Entry, LogId, Types, Vote};

/// Key of the vote among a group's small values. Durable: never changed.
const VOTE: u8 = 1;
/// Wait before an append that found the disk full is tried again.
const ROOM_RETRY: Duration = Duration::from_millis(100);

/// See the module. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LogStore {
    wal: Wal,
    group: u32,
}

impl LogStore {
    /// The log of a group.
    pub(super) fn new(wal: Wal, group: u32) -> Self {
        Self { wal, group }
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let entries = self.wal.read(self.group, range, bytes_max);
        let entries = entries.map_err(io::Error::other)?.into_iter();
        entries
            .map(|entry| encoding::decode_entry(entry).map_err(io::Error::other))
            .collect()
    }

    /// Submits entries once. Gives the callback back when the disk is full, and nothing was taken.
    fn try_append(
        &self,
        entries: Vec<quorate_wal::Entry>,
        callback: IOFlushed<Types>,
    ) -> Option<IOFlushed<Types>> {
        let (back, refused) = oneshot::channel();
        let done = move |result: Result<(), WalError>| match result {
            Err(WalError::NoSpace) => {
                if let Err(callback) = back.send(callback) {
                    callback.io_completed(Err(io::Error::from(io::ErrorKind::StorageFull)));
                }
            }
            result => callback.io_completed(result.map_err(io::Error::other)),
        };
        self.wal.append(self.group, entries, Box::new(done));
        let mut refused = refused;
        refused.try_recv().ok()
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.read(bounds(&range), usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let vote = self.wal.value(self.group, VOTE);
        let vote = vote.map(encoding::decode_vote).transpose();
        vote.map_err(io::Error::other)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start..end, ENTRIES_READ_BYTES_MAX)
    }

    /// What is applied after a start may be the whole log: read in pieces.
    async fn entries_stream<R>(
        &mut self,
        range: R,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let log = self.clone();
        let pieces = stream::try_unfold((log, bounds(&range)), |(log, range)| async move {
            let entries = log.read(range.clone(), ENTRIES_READ_BYTES_MAX)?;
            let Some(last) = entries.last() else {
                return Ok::<_, io::Error>(None);
            };
            let rest = last.log_id.index + 1..range.end;
            let entries = stream::iter(entries.into_iter().map(Ok));
            Ok(Some((entries, (log, rest))))
        });
        Box::pin(pieces.try_flatten())
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let purged = self.wal.purged(self.group).map(encoding::decode_point);
        let last = self.wal.last(self.group).map(encoding::decode_point);
        Ok(LogState {
            last_purged_log_id: purged,
            last_log_id: last.or(purged),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, synced) = oneshot::channel();
        let done = move |result| {
            // The receiver is only gone when the group is.
            let _ = done.send(result);
        };
        let value = encoding::encode_vote(vote);
        self.wal.save(self.group, VOTE, value, Box::new(done));
        let synced = synced.await.map_err(io::Error::other)?;
        synced.map_err(io::Error::other)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().map(encoding::encode_entry).collect();
        let mut callback = callback;
        // An error would stop the group for good; a full disk is waited out, since acknowledged work is safe.
        while let Some(refused) = self.try_append(entries.clone(), callback) {
            callback = refused;
            tracing::warn!(group = self.group, "the log has no room; waiting for some");
            tokio::time::sleep(ROOM_RETRY).await;
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let kept = last.map(|last| last.index);
        let truncated = self.wal.truncate_after(self.group, kept);
        truncated.map_err(io::Error::other)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let header = encoding::purged_header(&upto);
        let purged = self.wal.purge(self.group, upto.index, header);
        purged.map_err(io::Error::other)
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}
