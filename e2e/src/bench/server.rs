//! The brokers under measurement, each started afresh with its configuration from `e2e/bench.d`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::system::System;
use crate::{broker, process, wait};

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Debian's.
    Mosquitto,
    /// Ours.
    Quorate,
}

impl Kind {
    /// Both, the yardstick first.
    pub const ALL: [Self; 2] = [Self::Mosquitto, Self::Quorate];

    /// The name in table and file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mosquitto => "mosquitto",
            Self::Quorate => "quorate",
        }
    }

    /// The port in the pinned configuration.
    fn port(self) -> u16 {
        match self {
            Self::Mosquitto => 21_883,
            Self::Quorate => 21_884,
        }
    }
}

/// A broker that runs.
pub(super) struct Server {
    child: Child,
    /// Data and log; on the disk of the repository, so that fsync means something.
    directory: TempDir,
    pub(super) port: u16,
}

impl Server {
    pub(super) fn start(kind: Kind, persistent: bool) -> Result<Self> {
        let results = results();
        fs::create_dir_all(&results)?;
        let directory = tempfile::Builder::new()
            .prefix("data-")
            .tempdir_in(results)?;
        let port = kind.port();
        let occupied = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        ensure!(!occupied, "port {port} of e2e/bench.d is in use");
        let mut command = match kind {
            Kind::Mosquitto => mosquitto(persistent),
            Kind::Quorate => quorate()?,
        };
        let log = File::create(directory.path().join("log"))?;
        command.current_dir(directory.path()).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut server = Self {
            child,
            directory,
            port,
        };
        server.ready()?;
        Ok(server)
    }

    fn ready(&mut self) -> Result<()> {
        let (child, port) = (&mut self.child, self.port);
        let mut ended = None;
        let waited = wait::until("the broker to listen", Duration::from_secs(20), || {
            ended = child.try_wait().ok().flatten();
            let listens = || {
                super::wire::dial(port).and_then(|mut socket| {
                    super::wire::send_connect(&mut socket, "probe", false)?;
                    super::wire::take_connack(&mut socket)
                })
            };
            (ended.is_some() || listens().is_ok()).then_some(())
        });
        match ended {
            Some(status) => bail!("the broker ended with {status}:\n{}", self.log()),
            None => waited.with_context(|| self.log()),
        }
    }

    /// What it wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// All clients with the one broker.
    pub(super) fn system(&self) -> System {
        System {
            nodes: vec![self.port.into()],
            pids: vec![self.child.id()],
        }
    }

    pub(super) fn resident_bytes(&self) -> Result<u64> {
        process::resident_bytes(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where results go.
pub(super) fn results() -> PathBuf {
    folder().join("results")
}

fn mosquitto(persistent: bool) -> Command {
    let file = if persistent {
        "mosquitto-persistent.conf"
    } else {
        "mosquitto.conf"
    };
    let debian = Path::new("/usr/sbin/mosquitto");
    let mut command = Command::new(if debian.is_file() {
        debian
    } else {
        Path::new("mosquitto")
    });
    command.arg("-c").arg(folder().join("bench.d").join(file));
    command
}

fn quorate() -> Result<Command> {
    let mut command = Command::new(fs::canonicalize(broker::binary()?)?);
    command.args(["serve", "--data", "data", "--config"]);
    command.arg(folder().join("bench.d").join("quorate.toml"));
    Ok(command)
}
