//! Snapshots as files, one directory for all groups: a magic, then records of length, CRC32C and bytes.
//! The first record is ours, the others are the state machine's. A file appears whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::log;

use super::encoding;
use super::limits::SNAPSHOT_RECORD_BYTES_MAX;
use super::type_config::{LogId, SnapshotMeta};

/// Version of the file's format.
const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"QUORSNAP";
/// Length and CRC before each record.
const FRAME_BYTES: usize = 8;

/// A complete snapshot on disk.
#[derive(Debug, Clone)]
pub(super) struct SnapshotFile {
    pub(super) path: PathBuf,
    pub(super) meta: SnapshotMeta,
}

/// The snapshots of one group.
#[derive(Debug, Clone)]
pub(super) struct SnapshotStore {
    directory: PathBuf,
    group: u32,
}

/// Why a snapshot file was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("cannot read snapshot {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("snapshot {path} is damaged at byte {offset}: {problem}")]
    Damaged {
        path: PathBuf,
        offset: u64,
        problem: &'static str,
    },
    #[error("snapshot {path} has format {found}; this version knows formats up to {VERSION}")]
    Newer { path: PathBuf, found: u32 },
}

impl SnapshotStore {
    /// The store of a group; makes the directory and removes what an interrupted write left.
    pub(super) fn open(directory: &Path, group: u32) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let store = Self {
            directory: directory.to_owned(),
            group,
        };
        let _ = fs::remove_file(store.temporary());
        Ok(store)
    }

    /// The newest snapshot, read whole; `None` if there is none.
    pub(super) fn load(&self) -> Result<Option<(SnapshotFile, Vec<Bytes>)>, ReadError> {
        let newest = self.list().map_err(|source| ReadError::Io {
            path: self.directory.clone(),
            source,
        })?;
        newest
            .into_iter()
            .max()
            .map(|(_, path)| self.read(&path))
            .transpose()
    }

    /// Reads a file: its description, and the state machine's records.
    pub(super) fn read(&self, path: &Path) -> Result<(SnapshotFile, Vec<Bytes>), ReadError> {
        let mut reader = Reader::open(path)?;
        let file = reader.description(self.group)?;
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        Ok((file, records))
    }

    /// Writes a snapshot: temporary file, sync, rename, sync of the directory. Older files stay until
    /// [`Self::keep_only`].
    pub(super) fn write(
        &self,
        meta: SnapshotMeta,
        records: impl Iterator<Item = Vec<u8>>,
    ) -> io::Result<SnapshotFile> {
        let temporary = self.temporary();
        let path = self.path(meta.last_log_id.as_ref());
        let written = self.write_to(&temporary, &meta, records);
        if let Err(error) = written.and_then(|()| fs::rename(&temporary, &path)) {
            // What was written would only take room that may be missing already.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(&self.directory)?.sync_all()?;
        Ok(SnapshotFile { path, meta })
    }

    /// Removes every other snapshot of the group.
    pub(super) fn keep_only(&self, file: &SnapshotFile) -> io::Result<()> {
        for (_, path) in self.list()? {
            if path != file.path {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn write_to(
        &self,
        path: &Path,
        meta: &SnapshotMeta,
        records: impl Iterator<Item = Vec<u8>>,
    ) -> io::Result<()> {
        let header = log::SnapshotHeader {
            version: VERSION,
            group: self.group,
            last: meta.last_log_id.as_ref().map(encoding::encode_log_id),
            membership: Some(encoding::encode_stored(&meta.last_membership)),
        };
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(path)?);
        writer.write_all(MAGIC)?;
        for record in std::iter::once(header.encode_to_vec()).chain(records) {
            let length = u32::try_from(record.len()).map_err(io::Error::other)?;
            writer.write_all(&length.to_le_bytes())?;
            writer.write_all(&crc32c::crc32c(&record).to_le_bytes())?;
            writer.write_all(&record)?;
        }
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()
    }

    fn path(&self, last: Option<&LogId>) -> PathBuf {
        let index = last.map_or(0, |last| last.index);
        let name = format!("group-{}-{index:020}.snapshot", self.group);
        self.directory.join(name)
    }

    fn temporary(&self) -> PathBuf {
        self.directory.join(format!("group-{}.new", self.group))
    }

    /// This group's snapshots by the index in their names.
    fn list(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let prefix = format!("group-{}-", self.group);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let index = path
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(|name| name.strip_prefix(&prefix))
                .and_then(|name| name.strip_suffix(".snapshot"))
                .and_then(|index| index.parse().ok());
            if let Some(index) = index {
                found.push((index, path));
            }
        }
        Ok(found)
    }
}

/// Reads a group's file from the first to the last byte and keeps only its description.
pub(super) fn check(path: &Path, group: u32) -> Result<SnapshotFile, ReadError> {
    let mut reader = Reader::open(path)?;
    let file = reader.description(group)?;
    while reader.next()?.is_some() {}
    Ok(file)
}

/// Reads records and knows where it is.
struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    offset: u64,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, ReadError> {
        let failed = |source| ReadError::Io {
            path: path.to_owned(),
            source,
        };
        let mut reader = Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?),
            offset: 0,
        };
        let mut magic = [0; MAGIC.len()];
        if !reader.fill(&mut magic)? || &magic != MAGIC {
            return Err(reader.damaged("it does not begin like a snapshot"));
        }
        Ok(reader)
    }

    /// The first record.
    fn description(&mut self, group: u32) -> Result<SnapshotFile, ReadError> {
        let header = self.next()?.ok_or_else(|| self.damaged("it is empty"))?;
        let header = log::SnapshotHeader::decode(header)
            .map_err(|_| self.damaged("the header is not understood"))?;
        if header.version > VERSION {
            return Err(ReadError::Newer {
                path: self.path.clone(),
                found: header.version,
            });
        }
        if header.group != group {
            return Err(self.damaged("it is another group's"));
        }
        let membership = header.membership.map(encoding::decode_stored).transpose();
        let membership = membership.map_err(|_| self.damaged("the membership is missing"))?;
        let meta = SnapshotMeta {
            last_log_id: header.last.map(encoding::decode_log_id),
            last_membership: membership.unwrap_or_default(),
        };
        let path = self.path.clone();
        Ok(SnapshotFile { path, meta })
    }

    fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let mut frame = [0; FRAME_BYTES];
        if !self.fill(&mut frame)? {
            return Ok(None);
        }
        let [a, b, c, d, crc @ ..] = frame;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > SNAPSHOT_RECORD_BYTES_MAX {
            return Err(self.damaged("a record is too long"));
        }
        let mut record = vec![0; length];
        if length > 0 && !self.fill(&mut record)? {
            return Err(self.damaged("a record ends early"));
        }
        if crc32c::crc32c(&record) != u32::from_le_bytes(crc) {
            return Err(self.damaged("a record's checksum is wrong"));
        }
        Ok(Some(record.into()))
    }

    /// Fills the buffer; `false` at the end of the file, an error in the middle of the buffer.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let read = self.file.read(&mut buffer[filled..]);
            match read {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.damaged("it ends early")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let path = self.path.clone();
                    return Err(ReadError::Io { path, source });
                }
            }
        }
        self.offset += filled as u64;
        Ok(true)
    }

    fn damaged(&self, problem: &'static str) -> ReadError {
        ReadError::Damaged {
            path: self.path.clone(),
            offset: self.offset,
            problem,
        }
    }
}
