//! A process that holds packets back for a while (`e2e/net/delay.py`). Ends with its value.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::network::{reap, require};

/// A tunnel whose packets come out of it later.
#[derive(Debug)]
pub(super) struct SlowLine {
    child: Child,
}

impl SlowLine {
    /// Opens the tunnel; the caller says how a script is run in the right namespace.
    pub(super) fn open(
        device: &str,
        milliseconds: u32,
        python: impl FnOnce(&Path) -> Command,
    ) -> Result<Self> {
        require("python3")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("net/delay.py");
        let mut command = python(&script);
        command.arg(device).arg(milliseconds.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let line = Self { child };
        let mut said = String::new();
        BufReader::new(stdout).read_line(&mut said)?;
        ensure!(said == "ready\n", "delay.py did not start: {said}");
        Ok(line)
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        reap(&mut self.child);
    }
}
