//! Other people's MQTT programs: mosquitto's, scripts on paho-mqtt and MQTT.js, and a browser.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::process;
use crate::wait::PATIENCE;

/// Runs a program to its end.
///
/// # Errors
/// When it is not installed or does not end.
pub fn run(program: &str, arguments: &[&str]) -> Result<Output> {
    let mut tool = Tool::spawn(program, arguments)?;
    let status = process::end(&mut tool.child)?;
    let stdout = tool
        .lines
        .iter()
        .fold(String::new(), |all, line| all + &line + "\n");
    let mut stderr = Vec::new();
    if let Some(mut pipe) = tool.child.stderr.take() {
        pipe.read_to_end(&mut stderr)?;
    }
    Ok(Output {
        status,
        stdout: stdout.into(),
        stderr,
    })
}

/// As [`run`], and it must succeed; gives what it printed.
///
/// # Errors
/// When it fails; with what it said.
pub fn run_well(program: &str, arguments: &[&str]) -> Result<String> {
    let output = run(program, arguments)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {arguments:?}: {} {said}",
        output.status
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A program that runs while the test goes on, such as `mosquitto_sub`.
#[derive(Debug)]
pub struct Tool {
    child: Child,
    lines: Receiver<String>,
}

impl Tool {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn spawn(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<Self> {
        let mut command = Command::new(locate(program));
        command.args(arguments).env("PYTHONUNBUFFERED", "1");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{program}: run e2e/test tools"))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// A script of `e2e/paho`.
    ///
    /// # Errors
    /// When Python is not there.
    pub fn paho(script: &str, arguments: &[&str]) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("paho")
            .join(script);
        let mut all = vec![script.into_os_string()];
        all.extend(arguments.iter().map(Into::into));
        Self::spawn("python", &all)
    }

    /// A script of `e2e/mqttjs`, in Node.
    ///
    /// # Errors
    /// When Node is not there.
    pub fn node(script: &str, arguments: &[&str]) -> Result<Self> {
        let script = mqttjs(script);
        let mut all = vec![script.into_os_string()];
        all.extend(arguments.iter().map(Into::into));
        Self::spawn("node", &all)
    }

    /// A page of `e2e/mqttjs` in a headless browser, which trusts any certificate of this machine. It runs
    /// until it is dropped; `profile` is a directory of its own.
    ///
    /// # Errors
    /// When there is no Chromium.
    pub fn browser(page: &str, query: &str, profile: &Path) -> Result<Self> {
        let url = format!("file://{}?{query}", mqttjs(page).display());
        let profile = format!("--user-data-dir={}", profile.display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--ignore-certificate-errors",
            "--remote-debugging-port=0",
            &profile,
            &url,
        ];
        Self::spawn("chromium", &arguments)
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn line(&mut self) -> Result<String> {
        let line = self.lines.recv_timeout(PATIENCE);
        line.map_err(|error| match self.stderr() {
            Some(said) => anyhow::anyhow!("no line: {said}"),
            None => anyhow::anyhow!("no line: {error}"),
        })
    }

    /// The next line if it comes in time.
    pub fn line_within(&mut self, limit: Duration) -> Option<String> {
        self.lines.recv_timeout(limit).ok()
    }

    /// The lines up to its end, which must be a good one.
    ///
    /// # Errors
    /// When it fails or goes on.
    pub fn end(mut self) -> Result<Vec<String>> {
        let status = process::end(&mut self.child)?;
        ensure!(
            status.success(),
            "{status} {}",
            self.stderr().unwrap_or_default()
        );
        Ok(self.lines.iter().collect())
    }

    /// SIGKILL: its connection is cut without a good-bye.
    ///
    /// # Errors
    /// When it is gone.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// What a program that has ended said on stderr.
    fn stderr(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let mut said = String::new();
        self.child.stderr.take()?.read_to_string(&mut said).ok()?;
        Some(format!("{status} {said}"))
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mqttjs(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mqttjs");
    folder.join(name)
}

/// Debian puts the broker where only root looks; Python is the one of our environment.
fn locate(program: &str) -> PathBuf {
    match program {
        "python" => {
            let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
            env::var_os("QUORATE_PYTHON").map_or(ours, PathBuf::from)
        }
        "mosquitto" => {
            let debian = PathBuf::from("/usr/sbin/mosquitto");
            if debian.is_file() {
                debian
            } else {
                program.into()
            }
        }
        _ => program.into(),
    }
}
