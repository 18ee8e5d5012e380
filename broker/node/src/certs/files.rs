//! Directories that certificates are written to: keys for their owner only, nothing overwritten.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::CertsError;

/// Readable by its owner only.
const SECRET_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// A directory that exists.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Creates it if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, CertsError> {
        std::fs::create_dir_all(path).map_err(failed("create", path))?;
        Ok(Self(path.to_owned()))
    }

    pub(super) fn inside(&self, name: &str) -> Result<Self, CertsError> {
        Self::open(&self.0.join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The content, or `None` if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, CertsError> {
        let path = self.file(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Writes a key that must not be there yet.
    pub(super) fn write_secret(&self, name: &str, text: &str) -> Result<(), CertsError> {
        self.write(name, text, SECRET_MODE)
    }

    /// Writes what is no secret and must not be there yet.
    pub(super) fn write_public(&self, name: &str, text: &str) -> Result<(), CertsError> {
        self.write(name, text, PUBLIC_MODE)
    }

    /// Writes what is no secret, unless it is there.
    pub(super) fn write_once(&self, name: &str, text: &str) -> Result<(), CertsError> {
        match self.read(name)? {
            Some(_) => Ok(()),
            None => self.write_public(name, text),
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), CertsError> {
        let path = self.file(name);
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(mode);
        let mut file = options.open(&path).map_err(failed("create", &path))?;
        file.write_all(text.as_bytes())
            .map_err(failed("write", &path))
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CertsError {
    let path = path.to_owned();
    move |source| CertsError::Io {
        doing,
        path,
        source,
    }
}
