//! One node as a child process. It holds the other end of a pipe to us, so it ends when we do, however that
//! happens; signals of the terminal reach it through us only.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::timeout;

use super::limits::{END_WAIT, LOG_TAIL_BYTES_MAX, LOG_TAIL_LINES_MAX};
use super::{Entry, Plan, Ports};

/// See the module.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) node: u16,
    pub(super) ports: Ports,
    process: tokio::process::Child,
    log: PathBuf,
    /// How it is started by hand.
    command: String,
    ended: Option<std::process::ExitStatus>,
}

impl Child {
    pub(super) fn start(plan: &Plan, node: u16, entry: &Entry) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&plan.data)
            .with_context(|| format!("cannot create {}", plan.data.display()))?;
        let log = plan.log(node);
        let output =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let arguments = arguments(plan, node, entry);
        let process = Command::new(&program)
            .args(&arguments)
            .arg("--end-with-input")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let again = arguments_again(plan, node);
        Ok(Self {
            node,
            ports: plan.ports(node),
            process,
            log,
            command: format!("{} {}", super::welcome::program(), again.join(" ")),
            ended: None,
        })
    }

    /// Its process id while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// What happened to the process since the last call.
    pub(super) fn news(&mut self) -> Option<String> {
        if self.has_ended() {
            return None;
        }
        // An error means that somebody else has taken the news: there is nothing to tell.
        let status = self.process.try_wait().ok().flatten()?;
        self.ended = Some(status);
        Some(format!(
            "node {} has ended ({status}); its log is {}. It comes back with\n         {}",
            self.node,
            self.log.display(),
            self.command
        ))
    }

    /// Why it ended, if it has: for somebody who waits for it to be ready.
    pub(super) fn failure(&mut self) -> Option<String> {
        self.news()?;
        Some(format!(
            "node {} has ended; the end of {}:\n{}",
            self.node,
            self.log.display(),
            self.log_tail()
        ))
    }

    /// Where it writes what people may want to read.
    pub(super) fn log(&self) -> std::path::Display<'_> {
        self.log.display()
    }

    fn log_tail(&self) -> String {
        let read = || {
            let mut file = File::open(&self.log)?;
            let bytes = file.metadata()?.len();
            file.seek(SeekFrom::Start(bytes.saturating_sub(LOG_TAIL_BYTES_MAX)))?;
            let mut text = Vec::new();
            file.take(LOG_TAIL_BYTES_MAX).read_to_end(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        let text = read().unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LOG_TAIL_LINES_MAX);
        lines[first..].join("\n")
    }

    /// Asks it to end, and makes it when it does not.
    pub(super) async fn end(&mut self) {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(Pid::from_raw) {
            // An error means that it has ended meanwhile.
            let _ = kill_process(id, Signal::TERM);
        }
        if timeout(END_WAIT, self.process.wait()).await.is_err() {
            println!("node {} does not end by itself: killing it", self.node);
            if let Err(error) = self.process.kill().await {
                println!("node {} cannot be killed: {error}", self.node);
            }
        }
    }
}

/// Of `quorate`, for the first start.
fn arguments(plan: &Plan, node: u16, entry: &Entry) -> Vec<String> {
    let mut arguments = arguments_again(plan, node);
    match entry {
        Entry::Begins => arguments.extend(["--bootstrap", "single"].map(str::to_owned)),
        Entry::Joins(peers) => arguments.extend(["--join".to_owned(), peers.clone()]),
        Entry::Member => {}
    }
    arguments
}

/// Of `quorate`, for a node that has data.
fn arguments_again(plan: &Plan, node: u16) -> Vec<String> {
    let ports = plan.ports(node);
    let data = plan.directory(node);
    [
        "serve",
        "--allow-anonymous",
        "--data",
        &data.to_string_lossy(),
        "--listen",
        &format!("mqtt://127.0.0.1:{}", ports.mqtt),
        "--http",
        &format!("127.0.0.1:{}", ports.http),
        "--peers-listen",
        &format!("127.0.0.1:{}", ports.peers),
        "--admin-listen",
        &format!("127.0.0.1:{}", ports.admin),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Task};
    use crate::config::Start;

    fn plan() -> Plan {
        Plan {
            nodes: 3,
            data: "d".into(),
            base_port: 1883,
        }
    }

    /// The configuration that a child would have.
    fn config(node: u16, entry: &Entry) -> crate::config::Config {
        let arguments = arguments(&plan(), node, entry);
        let quorate = std::iter::once("quorate".to_owned());
        let cli = Cli::try_parse_from(quorate.chain(arguments)).unwrap();
        let Task::Run { config, .. } = cli.into_task().unwrap() else {
            panic!("serve runs a node")
        };
        *config
    }

    #[test]
    fn a_child_gets_arguments_that_mean_what_they_should() {
        let first = config(1, &Entry::Begins);
        assert_eq!(first.cluster.start, Start::Single);
        let peers = first.cluster.peers.unwrap().listen;
        assert_eq!(peers.to_string(), "127.0.0.1:7883");
        let third = config(3, &Entry::Joins(plan().peers_of(3)));
        let others = ["127.0.0.1:7883", "127.0.0.1:7884"].map(str::to_owned);
        assert_eq!(third.cluster.start, Start::Join(others.to_vec()));
        assert_eq!(third.data, PathBuf::from("d/node-3"));
        assert_eq!(third.http.unwrap().port(), 9885);
        assert_eq!(third.cluster.admin.unwrap().listen.port(), 7985);
    }
}
