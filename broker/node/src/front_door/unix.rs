//! Sockets in the file system: opened with the permissions asked for, and removed at the end.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// A unix listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on unix:{path}: {source}", path = path.display())]
pub struct UnixBindError {
    path: PathBuf,
    source: io::Error,
}

/// A listening socket whose file goes with it.
#[derive(Debug)]
pub(super) struct UnixFace {
    pub(super) listener: UnixListener,
    path: PathBuf,
}

impl UnixFace {
    /// Must run on the runtime.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<Self, UnixBindError> {
        let open = || {
            remove_stale(path)?;
            let listener = UnixListener::bind(path)?;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
            Ok(listener)
        };
        match open() {
            Ok(listener) => Ok(Self {
                listener,
                path: path.to_owned(),
            }),
            Err(source) => Err(UnixBindError {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

impl Drop for UnixFace {
    fn drop(&mut self) {
        // A file that stays is found to be stale by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the socket that a crash left behind: a socket on which nobody listens, and nothing else.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => Err(io::Error::other(
            "there is a file of that name that is no socket",
        )),
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            Err(io::Error::other("another process listens there"))
        }
        Ok(_) => std::fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_anything_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a socket stays behind its process");
        let face = UnixFace::bind(&path, 0o600).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = UnixFace::bind(&path, 0o600).unwrap_err().to_string();
        assert!(second.contains("another process"), "{second}");
        assert!(path.exists());
        drop(face);
        assert!(!path.exists());
        std::fs::write(&path, "mine").unwrap();
        let file = UnixFace::bind(&path, 0o600).unwrap_err().to_string();
        assert!(file.contains("no socket"), "{file}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
