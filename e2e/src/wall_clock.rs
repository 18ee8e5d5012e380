//! A wall clock that a test can make jump, for processes that preload `e2e/clock/jump.c`.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::tool;

/// The clock of the processes that were started with [`Self::environment`].
#[derive(Debug)]
pub struct WallClock {
    folder: TempDir,
}

impl WallClock {
    /// Compiles the library; the clock goes right.
    ///
    /// # Errors
    /// When there is no C compiler.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = Self { folder };
        clock.jump(0)?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/jump.c");
        let (library, source) = (clock.file("jump.so"), source.display().to_string());
        let flags = ["-O2", "-shared", "-fPIC", "-o", &library, &source, "-ldl"];
        tool::run_well("cc", &flags)?;
        Ok(clock)
    }

    /// What a process needs to live by this clock.
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![
            ("LD_PRELOAD".to_owned(), self.file("jump.so")),
            ("QUORATE_E2E_CLOCK".to_owned(), self.file("offset")),
        ]
    }

    /// The clock is that many seconds ahead of the real one, from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn jump(&self, seconds: i64) -> Result<()> {
        // In place: the processes have it mapped.
        let path = self.file("offset");
        if Path::new(&path).exists() {
            let file = fs::File::options().write(true).open(&path)?;
            use std::os::unix::fs::FileExt as _;
            file.write_all_at(&seconds.to_ne_bytes(), 0)?;
        } else {
            fs::write(&path, seconds.to_ne_bytes())?;
        }
        Ok(())
    }

    /// Whether a process lives by it: the date of the C library's own tool must jump along.
    ///
    /// # Errors
    /// When it does not.
    pub fn works(&self) -> Result<()> {
        let seconds = || -> Result<i64> {
            let mut command = std::process::Command::new("date");
            command.arg("+%s").envs(self.environment());
            Ok(String::from_utf8(command.output()?.stdout)?
                .trim()
                .parse()?)
        };
        let before = seconds()?;
        self.jump(3600)?;
        let after = seconds()?;
        self.jump(0)?;
        ensure!((3600..3660).contains(&(after - before)), "{before} {after}");
        Ok(())
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
