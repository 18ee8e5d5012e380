//! Snapshots that come from leaders: pieces gather in a partial file, which stays when the stream ends, so
//! that the next offer goes on where it ended. Blocks on the disk: not for the runtime's threads.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use quorate_control::NodeId;
use quorate_proto::peer as proto;

use super::snapshot::{self, ReadError, SnapshotFile};

/// Partial files of one node's groups.
#[derive(Debug)]
pub(super) struct SnapshotReceiver {
    directory: PathBuf,
    /// One piece at a time: two leaders in a row may send at once.
    writing: Mutex<()>,
}

/// Why a complete file was not handed on.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    #[error("the snapshot is not complete")]
    Incomplete,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl SnapshotReceiver {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            writing: Mutex::default(),
        }
    }

    /// A snapshot is offered: how much of it is there. Forgets parts of the group's other snapshots.
    pub(super) fn offer(&self, from: NodeId, offered: &proto::RaftSnapshot) -> io::Result<u64> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.path(from, offered);
        let prefix = prefix(offered.group);
        fs::create_dir_all(&self.directory)?;
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let is_part = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(SUFFIX));
            if is_part && path != wanted {
                fs::remove_file(path)?;
            }
        }
        kept(&wanted)
    }

    /// A piece came. It is kept only if it is the next one; how much is there now.
    pub(super) fn piece(&self, from: NodeId, piece: &proto::RaftSnapshotPiece) -> io::Result<u64> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(snapshot) = &piece.snapshot else {
            return Ok(0);
        };
        let path = self.path(from, snapshot);
        let kept = kept(&path)?;
        let end = kept + piece.data.len() as u64;
        if piece.offset != kept || end > snapshot.bytes {
            return Ok(kept);
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.write_all_at(&piece.data, kept)?;
        Ok(end)
    }

    /// The complete file, checked from the first to the last byte: a damaged one would stop the group.
    pub(super) fn complete(
        &self,
        from: NodeId,
        snapshot: &proto::RaftSnapshot,
    ) -> Result<SnapshotFile, ReceiveError> {
        let path = self.path(from, snapshot);
        if kept(&path)? != snapshot.bytes {
            return Err(ReceiveError::Incomplete);
        }
        let checked = snapshot::check(&path, snapshot.group);
        if checked.is_err() {
            fs::remove_file(&path)?;
        }
        Ok(checked?)
    }

    /// The file was taken over.
    pub(super) fn done(&self, file: &SnapshotFile) {
        if let Err(error) = fs::remove_file(&file.path) {
            tracing::warn!(%error, "a received snapshot could not be removed");
        }
    }

    fn path(&self, from: NodeId, snapshot: &proto::RaftSnapshot) -> PathBuf {
        let last = snapshot.last.unwrap_or_default();
        let name = format!(
            "{}{from}-{}-{}-{}{SUFFIX}",
            prefix(snapshot.group),
            last.term,
            last.index,
            snapshot.bytes
        );
        self.directory.join(name)
    }
}

const SUFFIX: &str = ".partial";

fn prefix(group: u32) -> String {
    format!("group-{group}-from-")
}

fn kept(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
