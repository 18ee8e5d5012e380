//! The real broker as a process: free ports, a directory of its own, readiness, crash, restart.

use std::env;
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::{http, port, process, reference, wait};

/// How long a start may take: a cold page cache and two busy cores.
const START_MAX: Duration = Duration::from_secs(30);

/// Lines of the log shown with a failure.
const LOG_LINES_SHOWN: usize = 40;

/// How a broker is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Without `--allow-anonymous` clients need a user of the password file.
    pub anonymous: bool,
    /// The data directory if it is not to be one of its own.
    pub data: Option<PathBuf>,
    /// A second listener with TLS: certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// More arguments.
    pub arguments: Vec<String>,
    /// Environment variables, such as `QUORATE_LIMITS_…`.
    pub environment: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            anonymous: true,
            data: None,
            tls: None,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// A running broker, or one that was killed and can be started again on its data.
#[derive(Debug)]
pub struct Broker {
    options: Options,
    directory: TempDir,
    data: PathBuf,
    child: Option<Child>,
    /// Port of the plain listener.
    pub port: u16,
    /// Port of the TLS listener.
    pub tls_port: u16,
    /// Port of health and metrics.
    pub http_port: u16,
}

/// Runs the body against a fresh broker; an error comes with the end of the broker's log.
///
/// # Errors
/// The body's, or that the broker does not start.
pub fn with_broker<T>(options: Options, body: impl FnOnce(&mut Broker) -> Result<T>) -> Result<T> {
    let mut broker = Broker::start(options)?;
    let result = body(&mut broker);
    result.map_err(|error| anyhow::anyhow!("{error:#}\n\n{}", broker.log_tail()))
}

impl Broker {
    /// Starts a broker and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready; with its log.
    pub fn start(options: Options) -> Result<Self> {
        let mut broker = Self::prepare(options)?;
        broker.launch()?;
        broker.ready()?;
        Ok(broker)
    }

    /// Ports and directory of a broker that is not started yet.
    ///
    /// # Errors
    /// When there are none.
    pub fn prepare(options: Options) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("quorate-e2e-").tempdir()?;
        let data = options
            .data
            .clone()
            .unwrap_or_else(|| directory.path().join("data"));
        Ok(Self {
            options,
            directory,
            data,
            child: None,
            port: port::free()?,
            tls_port: port::free()?,
            http_port: port::free()?,
        })
    }

    /// Starts the process and does not wait.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn launch(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        let mut command = self.command()?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("{command:?}"))?);
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let binary = binary()?;
        if reference::is_it(&binary) {
            return reference::command(&binary, self.directory(), self.port, &self.options);
        }
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data").arg(&self.data);
        command.args(["--listen", &format!("mqtt://127.0.0.1:{}", self.port)]);
        if let Some((certificate, key)) = &self.options.tls {
            let (certificate, key) = (certificate.display(), key.display());
            let listener = format!(
                "mqtts://127.0.0.1:{}?cert={certificate}&key={key}",
                self.tls_port
            );
            command.args(["--listen", &listener]);
        }
        command.args(["--http", &format!("127.0.0.1:{}", self.http_port)]);
        if self.options.anonymous {
            command.arg("--allow-anonymous");
        }
        command.args(&self.options.arguments);
        command.envs(
            self.options
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        Ok(command)
    }

    /// Waits until `/readyz` says yes and the MQTT port is open.
    ///
    /// # Errors
    /// When the process ends first, or time is up; with its log.
    pub fn ready(&mut self) -> Result<()> {
        let (port, http_port) = (self.port, self.http_port);
        let has_http = !reference::is_it(&binary()?);
        let Some(child) = &mut self.child else {
            bail!("the broker is not running");
        };
        let mut ended = None;
        let waited = wait::until("the broker to be ready", START_MAX, || {
            ended = child.try_wait().ok().flatten();
            let is_ready =
                || !has_http || http::get(http_port, "/readyz").is_ok_and(|(code, _)| code == 200);
            let is_open = || TcpStream::connect(("127.0.0.1", port)).is_ok();
            (ended.is_some() || (is_ready() && is_open())).then_some(())
        });
        match (waited, ended) {
            (_, Some(status)) => bail!("the broker ended with {status}\n{}", self.log_tail()),
            (waited, None) => waited.map_err(|error| error.context(self.log_tail())),
        }
    }

    /// SIGKILL, as a crash.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the broker is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the broker is not running")?;
        process::terminate(&child)?;
        process::end(&mut child).map_err(|error| error.context(self.log_tail()))
    }

    /// Waits for a broker that is expected to end by itself.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the broker is not running")?;
        process::end(&mut child).map_err(|error| error.context(self.log_tail()))
    }

    /// Starts it again on the same data and ports, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.ready()
    }

    /// The process id; 0 when it is not running.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A directory that lives as long as the broker's value.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.pid()).map_err(|error| error.context(self.log_tail()))
    }

    /// The value of a metric, summed over its label sets.
    ///
    /// # Errors
    /// When the page or the metric is not there.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let (_, page) = http::get(self.http_port, "/metrics")?;
        http::metric(&page, name)
    }

    /// Everything the process wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The end of what the process wrote, for a failure's report.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES_SHOWN);
        format!("the end of the broker's log:\n{}", lines[from..].join("\n"))
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("broker.log")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Already ended is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The binary under test: `QUORATE_BIN`, or what cargo built last for release or else for debug.
///
/// # Errors
/// When it was not built.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("QUORATE_BIN") {
        return Ok(path.into());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let candidates = ["release", "debug"].map(|profile| target.join(profile).join("quorate"));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.context("no binary: run cargo build --release --package quorate-node, or set QUORATE_BIN")
}
