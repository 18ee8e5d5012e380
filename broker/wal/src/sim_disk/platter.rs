//! What is on the disk and what only seems to be: files with their unsynced writes, names with their unsynced changes.

use std::collections::BTreeMap;
use std::io;

use super::{Names, Random, SECTOR_BYTES};

/// All files and names.
#[derive(Debug, Default)]
pub(super) struct Platter {
    files: BTreeMap<u64, File>,
    names: Names,
    durable_names: Names,
    /// The names after each change since the last sync of the directory.
    name_changes: Vec<Names>,
    next_id: u64,
}

#[derive(Debug, Default)]
struct File {
    /// As it is read.
    seen: Vec<u8>,
    /// As it is after a crash that loses everything it may.
    durable: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone, Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

/// How a crash treats the unsynced writes of a file.
#[derive(Clone, Copy)]
enum Fate {
    AllLost,
    AllKept,
    /// Written in order up to some sector.
    Prefix,
    /// Each sector on its own, later writes perhaps before earlier ones.
    Scattered,
}

impl Platter {
    pub(super) fn create(&mut self, name: &str) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.files.insert(id, File::default());
        self.names.insert(name.to_owned(), id);
        self.name_changes.push(self.names.clone());
        id
    }

    pub(super) fn find(&self, name: &str) -> io::Result<u64> {
        self.names
            .get(name)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let id = self.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.names.insert(to.to_owned(), id);
        self.name_changes.push(self.names.clone());
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        self.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.name_changes.push(self.names.clone());
        Ok(())
    }

    pub(super) fn sync_dir(&mut self) {
        self.durable_names = self.names.clone();
        self.name_changes.clear();
    }

    pub(super) fn size(&self, id: u64) -> u64 {
        self.files.get(&id).map_or(0, |file| file.seen.len() as u64)
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.names.values().map(|id| self.size(*id)).sum()
    }

    pub(super) fn write(&mut self, id: u64, offset: usize, bytes: &[u8]) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let write = Write {
            offset,
            bytes: bytes.to_vec(),
        };
        write.apply(&mut file.seen);
        file.unsynced.push(write);
    }

    pub(super) fn read(&self, id: u64, offset: usize, into: &mut [u8]) -> io::Result<()> {
        let seen = self
            .files
            .get(&id)
            .map(|file| file.seen.as_slice())
            .unwrap_or_default();
        let bytes = seen.get(offset..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    pub(super) fn sync(&mut self, id: u64) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        for write in file.unsynced.drain(..) {
            write.apply(&mut file.durable);
        }
    }

    /// Some of it reaches the disk; the rest is still seen, but no later sync writes it.
    pub(super) fn fail_sync(&mut self, id: u64, random: &mut Random) {
        if let Some(file) = self.files.get_mut(&id) {
            file.keep_some(random);
        }
    }

    pub(super) fn crash(&mut self, random: &mut Random) {
        let kept = random.below(self.name_changes.len() as u64 + 1) as usize;
        if let Some(names) = kept
            .checked_sub(1)
            .and_then(|last| self.name_changes.get(last))
        {
            self.durable_names.clone_from(names);
        }
        self.name_changes.clear();
        self.names.clone_from(&self.durable_names);
        for file in self.files.values_mut() {
            file.keep_some(random);
            file.seen.clone_from(&file.durable);
        }
        let names = &self.names;
        self.files
            .retain(|id, _| names.values().any(|named| named == id));
    }

    pub(super) fn damage(&mut self, name: &str, offset: usize) {
        let id = self.names[name];
        let file = self.files.get_mut(&id).expect("a name has a file");
        file.seen[offset] ^= 0x5A;
        file.durable[offset] ^= 0x5A;
    }

    pub(super) fn contents(&self, name: &str) -> Vec<u8> {
        let file = self.names.get(name).and_then(|id| self.files.get(id));
        file.map(|file| file.seen.clone()).unwrap_or_default()
    }

    pub(super) fn set_contents(&mut self, name: &str, bytes: Vec<u8>) {
        let id = self.create(name);
        self.files.insert(
            id,
            File {
                seen: bytes.clone(),
                durable: bytes,
                unsynced: Vec::new(),
            },
        );
        self.sync_dir();
    }
}

impl File {
    /// Applies what chance keeps of the unsynced writes to what is durable.
    fn keep_some(&mut self, random: &mut Random) {
        let mut sectors: Vec<Write> = self
            .unsynced
            .drain(..)
            .flat_map(Write::into_sectors)
            .collect();
        match fate(random) {
            Fate::AllLost => sectors.clear(),
            Fate::AllKept => {}
            Fate::Prefix => sectors.truncate(random.below(sectors.len() as u64 + 1) as usize),
            Fate::Scattered => {
                sectors.retain(|_| !random.one_in(2));
                random.shuffle(&mut sectors);
            }
        }
        for sector in sectors {
            sector.apply(&mut self.durable);
        }
    }
}

fn fate(random: &mut Random) -> Fate {
    match random.below(4) {
        0 => Fate::AllLost,
        1 => Fate::AllKept,
        2 => Fate::Prefix,
        _ => Fate::Scattered,
    }
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>) {
        let end = self.offset + self.bytes.len();
        if to.len() < end {
            to.resize(end, 0);
        }
        to[self.offset..end].copy_from_slice(&self.bytes);
    }

    /// Cuts it where sectors of the disk begin.
    fn into_sectors(self) -> Vec<Self> {
        let mut sectors = Vec::new();
        let (mut offset, mut bytes) = (self.offset, self.bytes.as_slice());
        while !bytes.is_empty() {
            let size = (SECTOR_BYTES - offset % SECTOR_BYTES).min(bytes.len());
            let (sector, rest) = bytes.split_at(size);
            sectors.push(Self {
                offset,
                bytes: sector.to_vec(),
            });
            (offset, bytes) = (offset + size, rest);
        }
        sectors
    }
}
