//! How the tests ask an API server: kubectl for what a person does, and through its proxy for frequent looks, so
//! that waiting does not cost a process each time.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::endpoint::Endpoint;
use crate::{port, wait};

const ANSWER_MAX: Duration = Duration::from_secs(10);
const PROXY_START_MAX: Duration = Duration::from_secs(20);

/// One cluster's API server. Ends its proxy when dropped.
#[derive(Debug)]
pub struct Api {
    proxy: Child,
    endpoint: Endpoint,
}

impl Api {
    /// Of the cluster that `KUBECONFIG` names.
    ///
    /// # Errors
    /// When there is no kubectl or no cluster.
    pub fn open() -> Result<Self> {
        let port = port::free()?;
        let mut command = Command::new("kubectl");
        command.args(["proxy", "--port", &port.to_string()]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let proxy = command.spawn().context("kubectl proxy")?;
        let api = Self {
            proxy,
            endpoint: port.into(),
        };
        wait::until("kubectl proxy", PROXY_START_MAX, || {
            api.get("/version").ok()
        })?;
        Ok(api)
    }

    /// The object at a path; `None` where there is none.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        let (status, body) = self.ask(path)?;
        match status {
            200 => Ok(Some(serde_json::from_str(&body)?)),
            404 => Ok(None),
            _ => bail!("GET {path}: {status} {body}"),
        }
    }

    /// The object at a path.
    ///
    /// # Errors
    /// When it is not there.
    pub fn get(&self, path: &str) -> Result<Value> {
        let found = self.find(path)?;
        found.with_context(|| format!("GET {path}: not found"))
    }

    /// The items at a path.
    ///
    /// # Errors
    /// When the API server does not answer, or refuses.
    pub fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut list = self.get(path)?;
        let Value::Array(items) = list["items"].take() else {
            bail!("GET {path}: no list");
        };
        Ok(items)
    }

    /// The text at a path, such as metrics through the API server.
    ///
    /// # Errors
    /// When it is not there.
    pub fn text(&self, path: &str) -> Result<String> {
        let (status, body) = self.ask(path)?;
        ensure!(status == 200, "GET {path}: {status} {body}");
        Ok(body)
    }

    /// Runs kubectl; gives what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        run("kubectl", arguments, "")
    }

    /// As [`Self::kubectl`], with something to read.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        run("kubectl", arguments, input)
    }

    /// `kubectl apply` of a text.
    ///
    /// # Errors
    /// When it is refused; with the sentence.
    pub fn apply(&self, namespace: &str, manifest: &str) -> Result<String> {
        self.kubectl_with(&["apply", "-n", namespace, "-f", "-"], manifest)
    }

    fn ask(&self, path: &str) -> Result<(u16, String)> {
        http(self.endpoint, path)
    }
}

/// `GET path` in HTTP/1.0: the answer ends with the connection, in one piece.
pub(super) fn http(endpoint: Endpoint, path: &str) -> Result<(u16, String)> {
    let mut stream = endpoint.dial(ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("no end of the head")?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}

impl Drop for Api {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// Runs a program that may take longer than the usual patience; it has its own time-outs.
///
/// # Errors
/// When it fails; with what it said.
pub(super) fn run(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| program.to_owned())?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    // A program that does not read its input has said why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        said.trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
