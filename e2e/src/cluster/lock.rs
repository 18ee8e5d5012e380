//! One cluster at a time on this machine: tests that measure time cannot share two cores, and there is
//! one network of namespaces.

use std::env;
use std::fs::File;

use anyhow::{Context as _, Result};

/// Held while a cluster runs; other test binaries and threads wait for it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for its turn.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn take() -> Result<Self> {
        let path = env::temp_dir().join("quorate-e2e-cluster.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        file.lock().context("flock")?;
        Ok(Self { _file: file })
    }
}
