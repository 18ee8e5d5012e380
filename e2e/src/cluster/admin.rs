//! `quorate admin` against one node.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{Certificates, Node, Status, binary};

/// The admin command, aimed at a node; run where the test itself is.
#[derive(Debug, Clone, Copy)]
pub struct Admin<'a> {
    node: &'a Node,
    certificates: Option<&'a Certificates>,
}

impl<'a> Admin<'a> {
    pub(super) fn of(node: &'a Node, certificates: Option<&'a Certificates>) -> Self {
        Self { node, certificates }
    }

    /// Runs it; gives what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn run(self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(binary()?);
        command.arg("admin").args(arguments);
        command.args(["--to", &self.node.admin.to_string()]);
        for (name, path) in self.certificates.map_or(Vec::new(), Certificates::of_admin) {
            command.arg(name).arg(path);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("{command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(
            output.status.success(),
            "admin {arguments:?} at node {}: {} {}",
            self.node.number(),
            output.status,
            said.trim()
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What the node says of the cluster.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(self) -> Result<Status> {
        Status::parse(&self.run(&["status", "--json"])?)
    }
}
