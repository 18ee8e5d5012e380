//! A password file: user names and hashes, one a line. Read whole, replaced whole.
//! Its errors name file and line, never what stands there.

use std::io::Read;
use std::path::{Path, PathBuf};

use foldhash::HashMap;

use super::hash::StoredHash;
use super::limits::PASSWORD_FILE_BYTES_MAX;

/// Why a password file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// It cannot be read.
    #[error("password file {path} cannot be read: {source}; check auth.password_file", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not a user.
    #[error("password file {path}, line {line}: {problem}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// The users of one version of a password file.
#[derive(Debug, Default)]
pub(super) struct Users {
    hashes: HashMap<String, StoredHash>,
    decoy: Option<StoredHash>,
}

impl Users {
    /// Reads the whole file. A wrong line refuses all of it: half of the users would be a puzzle.
    pub(super) fn read(path: &Path) -> Result<Self, PasswordFileError> {
        let failed = |source| PasswordFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(PASSWORD_FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::parse(&text).map_err(|(line, problem)| PasswordFileError::Line {
            path: path.to_owned(),
            line,
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut users = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, hash) = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty())
                .ok_or((index + 1, "a line must be USER:HASH"))?;
            let hash = StoredHash::parse(hash).map_err(|problem| (index + 1, problem))?;
            if users.decoy.is_none() {
                users.decoy = Some(hash.decoy());
            }
            // As in mosquitto, a user that comes twice has the later password.
            users.hashes.insert(name.to_owned(), hash);
        }
        Ok(users)
    }

    /// The user's hash.
    pub(super) fn find(&self, name: &str) -> Option<&StoredHash> {
        self.hashes.get(name)
    }

    /// What to verify for a user that does not exist, so that the answer takes as long as for others.
    pub(super) fn decoy(&self) -> Option<&StoredHash> {
        self.decoy.as_ref()
    }

    /// Number of users.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$6$DU4UV8OosO3wCli3$zjU/B0Q2myyCSUhvQg5ePnIM6tv878Z3NSFdSTUhh1vgci9dYxGT78QHn6VC1Tpjd9UBl4uTiQ5t052arqfh5A==";

    #[test]
    fn comments_and_empty_lines_are_skipped() {
        let users = Users::parse(&format!("# users\n\ncarol:{HASH}\r\n")).unwrap();
        assert_eq!(users.len(), 1);
        assert!(users.find("carol").unwrap().verify(b"correct horse"));
        assert!(users.find("dave").is_none() && users.decoy().is_some());
    }

    #[test]
    fn a_wrong_line_is_named_without_its_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("users");
        std::fs::write(&path, format!("carol:{HASH}\nmallory:plain-secret\n")).unwrap();
        let error = Users::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("line 2") && error.contains("mosquitto_passwd"),
            "{error}"
        );
        assert!(!error.contains("plain-secret"), "{error}");
    }
}
