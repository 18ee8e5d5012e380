//! The data directory: who it belongs to, in which format, and that nobody else uses it meanwhile.
//!
//! Holds `lock`, `meta`, and the places `wal/` and `snapshots/`, whose content others know.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::peers::PeerAddress;

/// Format of the directory; higher ones are refused.
pub const FORMAT_VERSION: u32 = 1;

/// What a node notes down for its next start. Hints: who is a member and which life it is stands in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// The node's last life; 0 before the first.
    pub incarnation: u64,
    /// Whether the directory has had a log since it belongs to its cluster.
    pub begun: bool,
    /// Members and their peer addresses.
    pub members: Vec<PeerAddress>,
}

/// Writes the notes, durably.
///
/// # Errors
/// The operating system refuses.
pub fn save_notes(root: &Path, notes: &Notes) -> Result<(), DataDirError> {
    let mut text = format!(
        "# Written by quorate; do not edit.\nincarnation = {}\nbegun = {}\n",
        notes.incarnation, notes.begun
    );
    for member in &notes.members {
        let address = toml::Value::from(member.address.clone());
        let node = member.node;
        text += &format!("[[member]]\nnode = {node}\naddress = {address}\n");
    }
    replace(root, "notes", &text)
}

/// The notes; empty if there are none, or they cannot be read: then a log is expected to be there.
pub fn read_notes(root: &Path) -> Notes {
    let text = std::fs::read_to_string(root.join("notes")).unwrap_or_default();
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let number = |value: &toml::Value| u64::try_from(value.as_integer()?).ok();
    let member = |value: &toml::Value| {
        Some(PeerAddress {
            node: number(value.get("node")?)?,
            address: value.get("address")?.as_str()?.to_owned(),
        })
    };
    let members = table.get("member").and_then(toml::Value::as_array);
    let begun = table.get("begun").and_then(toml::Value::as_bool);
    Notes {
        begun: begun.unwrap_or(true),
        incarnation: table.get("incarnation").and_then(number).unwrap_or(0),
        members: members.into_iter().flatten().filter_map(member).collect(),
    }
}

/// Who a data directory belongs to. Given once, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The cluster, drawn at random by its first node; never 0.
    pub cluster_id: u128,
    /// The node within the cluster; never 0.
    pub node_id: u64,
}

/// Why a data directory cannot be used; each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("data directory {root} is in use by another quorate process; stop that one, or give this one a directory of its own with --data", root = root.display())]
    InUse {
        /// The directory.
        root: PathBuf,
    },
    /// A later version has written it.
    #[error("data directory {root} has format {found}, written by a newer quorate; this one knows formats up to {FORMAT_VERSION}. Run the newer version, or use another directory", root = root.display())]
    NewerFormat {
        /// The directory.
        root: PathBuf,
        /// Its format.
        found: u32,
    },
    /// `meta` is not what we write.
    #[error("{path} is damaged: {problem}. Restore it from a backup; without it the directory cannot be trusted", path = path.display())]
    DamagedMeta {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The operating system refuses.
    #[error("data directory: cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// An open data directory; locked until dropped.
#[derive(Debug)]
pub struct DataDir {
    /// The directory.
    pub root: PathBuf,
    /// Whose it is; `None` before the first start has saved it.
    pub identity: Option<Identity>,
    _lock: File,
}

impl DataDir {
    /// Creates the directory if it is missing, locks it and reads its identity.
    ///
    /// # Errors
    /// In use, of a newer format, damaged, or refused by the operating system.
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        for directory in [root.to_owned(), root.join("wal"), root.join("snapshots")] {
            std::fs::create_dir_all(&directory).map_err(failed("create", &directory))?;
        }
        sync_directory(root)?;
        let lock = lock(root)?;
        let identity = read_meta(root)?;
        Ok(Self {
            root: root.to_owned(),
            identity,
            _lock: lock,
        })
    }

    /// Where the write-ahead log lives.
    pub fn wal_dir(&self) -> PathBuf {
        self.root.join("wal")
    }

    /// Where snapshots live.
    pub fn snapshots_dir(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Writes down whose directory this is, durably: after this returns a crash does not undo it.
    ///
    /// # Errors
    /// The operating system refuses.
    ///
    /// # Panics
    /// The directory has another identity already: that would let a node come back as another one.
    pub fn save_identity(&mut self, identity: Identity) -> Result<(), DataDirError> {
        assert!(
            self.identity.is_none_or(|known| known == identity),
            "a data directory's identity never changes"
        );
        let text = format!(
            "# Written by quorate; do not edit.\nformat = {FORMAT_VERSION}\ncluster_id = \"{:032x}\"\nnode_id = {}\n",
            identity.cluster_id, identity.node_id
        );
        replace(&self.root, "meta", &text)?;
        self.identity = Some(identity);
        Ok(())
    }
}

/// Writes a small file anew, durably and as a whole.
fn replace(root: &Path, name: &str, text: &str) -> Result<(), DataDirError> {
    let temporary = root.join(format!("{name}.new"));
    let path = root.join(name);
    let mut file = File::create(&temporary).map_err(failed("create", &temporary))?;
    file.write_all(text.as_bytes())
        .map_err(failed("write", &temporary))?;
    file.sync_all().map_err(failed("sync", &temporary))?;
    std::fs::rename(&temporary, &path).map_err(failed("rename to", &path))?;
    sync_directory(root)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataDirError {
    let path = path.to_owned();
    move |source| DataDirError::Io {
        doing,
        path,
        source,
    }
}

/// A new name survives a crash only once its directory is synced.
fn sync_directory(path: &Path) -> Result<(), DataDirError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(failed("sync", path))
}

fn lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join("lock");
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
            root: root.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

fn read_meta(root: &Path) -> Result<Option<Identity>, DataDirError> {
    let path = root.join("meta");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", &path)(error)),
    };
    let damaged = |problem: &str| DataDirError::DamagedMeta {
        path: path.clone(),
        problem: problem.to_owned(),
    };
    let table: toml::Table = toml::from_str(&text).map_err(|_| damaged("it is not TOML"))?;
    let number = |key: &str| table.get(key).and_then(toml::Value::as_integer);
    let format = number("format")
        .and_then(|format| u32::try_from(format).ok())
        .ok_or_else(|| damaged("format is missing or no number"))?;
    if format > FORMAT_VERSION {
        return Err(DataDirError::NewerFormat {
            root: root.to_owned(),
            found: format,
        });
    }
    let cluster_id = table
        .get("cluster_id")
        .and_then(toml::Value::as_str)
        .and_then(|text| u128::from_str_radix(text, 16).ok())
        .filter(|&id| id != 0)
        .ok_or_else(|| damaged("cluster_id is missing or no hexadecimal number"))?;
    let node_id = number("node_id")
        .and_then(|id| u64::try_from(id).ok())
        .filter(|&id| id != 0)
        .ok_or_else(|| damaged("node_id is missing or no positive number"))?;
    Ok(Some(Identity {
        cluster_id,
        node_id,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity {
        cluster_id: 0xfeed_0000_0000_0000_0000_0001,
        node_id: 7,
    };

    #[test]
    fn an_identity_is_there_after_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("a/b");
        let mut first = DataDir::open(&root).unwrap();
        assert_eq!(first.identity, None);
        first.save_identity(IDENTITY).unwrap();
        drop(first);
        let second = DataDir::open(&root).unwrap();
        assert_eq!(second.identity, Some(IDENTITY));
        assert!(second.wal_dir().is_dir() && second.snapshots_dir().is_dir());
    }

    #[test]
    fn notes_come_back_and_damage_is_as_none() {
        let root = tempfile::tempdir().unwrap();
        let none = Notes {
            begun: true,
            ..Notes::default()
        };
        assert_eq!(read_notes(root.path()), none);
        let notes = Notes {
            incarnation: 17,
            begun: false,
            members: vec![PeerAddress {
                node: 3,
                address: "node-3.\"example\":7883".to_owned(),
            }],
        };
        save_notes(root.path(), &notes).unwrap();
        assert_eq!(read_notes(root.path()), notes);
        std::fs::write(root.path().join("notes"), "\u{0}").unwrap();
        assert_eq!(read_notes(root.path()), none);
    }

    #[test]
    fn a_directory_in_use_is_refused_with_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        let _first = DataDir::open(root.path()).unwrap();
        let error = DataDir::open(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("in use by another quorate process") && error.contains("--data"),
            "{error}"
        );
    }

    #[test]
    fn a_newer_format_is_refused_with_a_sentence() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(
            root.path().join("meta"),
            "format = 2\nsomething = \"new\"\n",
        )
        .unwrap();
        let error = DataDir::open(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("has format 2") && error.contains("newer quorate"),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_meta_is_refused_by_name() {
        for text in [
            "",
            "format = 1",
            "\u{0}\u{0}",
            "format = 1\ncluster_id = \"xyz\"\nnode_id = 1",
        ] {
            let root = tempfile::tempdir().unwrap();
            std::fs::write(root.path().join("meta"), text).unwrap();
            let error = DataDir::open(root.path()).unwrap_err().to_string();
            assert!(error.contains("meta is damaged"), "{error}");
        }
    }
}
