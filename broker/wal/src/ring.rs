//! The recent entries of one group, in memory: what is asked for most, and everything that is not yet on disk.
//! Bounded in bytes except for what is not on disk, which the queue bounds.

use std::collections::VecDeque;

use crate::entry::Entry;

/// A consecutive run of entries up to the group's last.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// With the sequence number of their records.
    entries: VecDeque<(u64, Entry)>,
    bytes: usize,
}

impl Ring {
    pub(crate) fn push(&mut self, sequence: u64, entry: Entry) {
        self.bytes += entry.payload.len();
        self.entries.push_back((sequence, entry));
    }

    pub(crate) fn read(&self, index: u64) -> Option<&Entry> {
        let first = self.entries.front()?.1.index;
        let at = usize::try_from(index.checked_sub(first)?).ok()?;
        self.entries.get(at).map(|(_, entry)| entry)
    }

    /// Forgets entries from `index` on.
    pub(crate) fn truncate(&mut self, index: u64) {
        while let Some((_, last)) = self.entries.back().filter(|(_, e)| e.index >= index) {
            self.bytes -= last.payload.len();
            self.entries.pop_back();
        }
    }

    /// Forgets entries up to and with `index`.
    pub(crate) fn purge(&mut self, index: u64) {
        while self.entries.front().is_some_and(|(_, e)| e.index <= index) {
            self.pop_front();
        }
    }

    /// Forgets the oldest entries until the rest fits, but none whose record is later than `durable`.
    pub(crate) fn shrink(&mut self, bytes_max: usize, durable: u64) {
        while self.bytes > bytes_max && self.entries.front().is_some_and(|(s, _)| *s <= durable) {
            self.pop_front();
        }
    }

    /// Bytes of payload held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn pop_front(&mut self) {
        if let Some((_, entry)) = self.entries.pop_front() {
            self.bytes -= entry.payload.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn ring(indexes: std::ops::Range<u64>) -> Ring {
        let mut ring = Ring::default();
        for index in indexes {
            let entry = Entry {
                index,
                header: [0; 24],
                payload: Bytes::from(vec![1; 10]),
            };
            ring.push(index, entry);
        }
        ring
    }

    #[test]
    fn it_keeps_what_is_not_durable() {
        let mut ring = ring(1..11);
        ring.shrink(30, 5);
        assert!(ring.read(5).is_none());
        assert!(ring.read(6).is_some());
        ring.shrink(30, 10);
        assert!(ring.read(7).is_none());
        assert!(ring.read(8).is_some() && ring.read(10).is_some() && ring.read(11).is_none());
    }

    #[test]
    fn it_follows_truncation_and_purge() {
        let mut ring = ring(1..11);
        ring.truncate(8);
        ring.purge(2);
        assert_eq!(ring.read(2), None);
        assert_eq!(ring.read(3).map(|e| e.index), Some(3));
        assert_eq!(ring.read(8), None);
        assert_eq!(ring.bytes, 50);
    }
}
