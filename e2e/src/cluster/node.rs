//! One node of a cluster: its addresses, directory and process. Knows nothing of the others.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::network::Network;
use super::{Certificates, Options, Place, binary};
use crate::endpoint::Endpoint;
use crate::{http, port, process};

/// Lines of the log shown with a failure.
const LOG_LINES_SHOWN: usize = 40;

/// What a node with an empty disk does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Makes a cluster of one.
    Single,
    /// Waits to be told.
    Wait,
    /// Joins the nodes with those peer addresses.
    Join(Vec<String>),
}

/// A node, running or not.
#[derive(Debug)]
pub struct Node {
    number: usize,
    place: Place,
    folder: PathBuf,
    /// Arguments that do not change from start to start.
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    start: Start,
    child: Option<Child>,
    /// Where clients connect.
    pub mqtt: Endpoint,
    /// Health and metrics.
    pub http: Endpoint,
    /// Where other nodes connect.
    pub peers: Endpoint,
    /// Where operators connect.
    pub admin: Endpoint,
}

impl Node {
    pub(super) fn prepare(
        number: usize,
        directory: &Path,
        options: &Options,
        certificates: Option<&Certificates>,
    ) -> Result<Self> {
        let folder = directory.join(format!("node-{number}"));
        fs::create_dir_all(&folder)?;
        let [mqtt, http, peers, admin] = addresses(number, options.place)?;
        let mut node = Self {
            number,
            place: options.place,
            folder,
            arguments: Vec::new(),
            environment: options.environment.clone(),
            start: Start::Single,
            child: None,
            mqtt,
            http,
            peers,
            admin,
        };
        node.arguments = node.fixed_arguments(certificates);
        node.arguments.extend(options.arguments.iter().cloned());
        Ok(node)
    }

    fn fixed_arguments(&self, certificates: Option<&Certificates>) -> Vec<String> {
        let mut arguments = vec!["serve".to_owned(), "--allow-anonymous".to_owned()];
        let mut flag = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        flag("--data", self.data().display().to_string());
        flag("--listen", format!("mqtt://{}", self.mqtt));
        flag("--http", self.http.to_string());
        flag("--peers-listen", self.peers.to_string());
        flag("--admin-listen", self.admin.to_string());
        for (name, path) in certificates.map_or(Vec::new(), |all| all.of_node(self.number)) {
            flag(name, path.display().to_string());
        }
        arguments
    }

    /// From 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What other nodes dial, as it stands in the member list.
    pub fn peers_address(&self) -> String {
        self.peers.to_string()
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The arguments of the process, for a test that starts another one like it.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// A command in this node's place.
    pub fn command(&self, program: &Path) -> Command {
        match self.place {
            Place::Loopback => Command::new(program),
            Place::Namespaces => Network::command(self.number, program),
        }
    }

    /// Starts the process and does not wait.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn launch(&mut self, start: &Start) -> Result<()> {
        self.start = start.clone();
        let mut command = self.command(&binary()?);
        command.args(&self.arguments);
        match start {
            Start::Single => command.args(["--bootstrap", "single"]),
            Start::Wait => command.args(["--bootstrap", "wait"]),
            Start::Join(addresses) => command.args(["--join", &addresses.join(",")]),
        };
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        command.stderr(log);
        self.child = Some(command.spawn().with_context(|| format!("{command:?}"))?);
        Ok(())
    }

    /// Starts it again as before.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn relaunch(&mut self) -> Result<()> {
        self.launch(&self.start.clone())
    }

    /// Whether it was started and not ended by the test.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// The status of a process that has ended by itself.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// Whether `/readyz` says yes.
    pub fn is_ready(&self) -> bool {
        http::get(self.http, "/readyz").is_ok_and(|(code, _)| code == 200)
    }

    /// The value of a metric, summed over its label sets.
    ///
    /// # Errors
    /// When the page or the metric is not there.
    pub fn metric(&self, name: &str) -> Result<f64> {
        let (_, page) = http::get(self.http, "/metrics")?;
        http::metric(&page, name)
    }

    /// SIGKILL, as a crash.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.take()?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        let mut child = self.take()?;
        process::terminate(&child)?;
        process::end(&mut child).map_err(|error| error.context(self.log_tail()))
    }

    /// Waits for a node that is expected to end by itself.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let mut child = self.take()?;
        process::end(&mut child).map_err(|error| error.context(self.log_tail()))
    }

    /// SIGSTOP: it stands still and does not know.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid() as i32).context("it is not running")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Takes its disk away.
    ///
    /// # Errors
    /// When the data cannot be removed.
    pub fn wipe(&self) -> Result<()> {
        fs::remove_dir_all(self.data()).context("wipe")
    }

    fn take(&mut self) -> Result<Child> {
        let number = self.number;
        self.child
            .take()
            .with_context(|| format!("node {number} is not running"))
    }

    /// The process id; 0 when it is not running.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
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
        format!(
            "the end of node {}'s log:\n{}",
            self.number,
            lines[from..].join("\n")
        )
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Already ended is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Where it listens: MQTT, HTTP, peers, admin.
fn addresses(number: usize, place: Place) -> Result<[Endpoint; 4]> {
    let (ip, ports) = match place {
        Place::Loopback => {
            let ports = [port::free()?, port::free()?, port::free()?, port::free()?];
            (IpAddr::V4(Ipv4Addr::LOCALHOST), ports)
        }
        Place::Namespaces => (Network::address(number), [1883, 8000, 7883, 7983]),
    };
    Ok(ports.map(|port| Endpoint(SocketAddr::new(ip, port))))
}

/// Ends nodes of an earlier run whose test is gone: our prefix in their arguments and no parent left.
pub(super) fn end_left_overs(prefix: &str) {
    let Ok(processes) = fs::read_dir("/proc") else {
        return;
    };
    for process in processes.flatten() {
        let path = process.path();
        let arguments = fs::read(path.join("cmdline")).unwrap_or_default();
        let status = fs::read_to_string(path.join("status")).unwrap_or_default();
        let is_ours = String::from_utf8_lossy(&arguments).contains(prefix);
        let is_orphan = status.lines().any(|line| line == "PPid:\t1");
        let pid = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let (true, Some(pid)) = (is_ours && is_orphan, pid.and_then(Pid::from_raw)) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
