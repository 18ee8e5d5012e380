//! Notices that files have changed, by asking for their marks: works for edited files, replaced files and
//! the symbolic links of a mounted Secret alike. Does not read them and does not wait.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What changes when a file's content does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Some files and how they looked last.
#[derive(Debug)]
pub(crate) struct FileWatch {
    files: Vec<(PathBuf, Option<Mark>)>,
}

impl FileWatch {
    /// Takes the files' marks now. Call it before reading them: a change in between is then noticed.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let files = paths.into_iter().map(|path| {
            let mark = mark(&path);
            (path, mark)
        });
        Self {
            files: files.collect(),
        }
    }

    /// Whether any of them looks different from last time; takes the new marks.
    pub(crate) fn has_changed(&mut self) -> bool {
        let mut has_changed = false;
        for (path, last) in &mut self.files {
            let now = mark(path);
            has_changed |= now != *last;
            *last = now;
        }
        has_changed
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Mark {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}
