//! The operator's shipped binary as a process of the tests' own machine, behind a [`Cutter`], in place of the installed one. It
//! has the rights of the chart's ServiceAccount and no more.

use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::api::run;
use super::cutter::{Cut, Cutter};
use super::{Kubernetes, OPERATOR_NAMESPACE, PATIENCE, number};
use crate::endpoint::Endpoint;
use crate::{port, process, wait};

/// Its connections to admin ports are known by the user it runs as.
const USER: u32 = 10_077;
const TABLE: &str = "quorate-e2e";
const LABEL: &str = "app.kubernetes.io%2Fname%3Dquorate-operator";

/// Operators that are started and killed one after the other, while no installed one runs.
#[derive(Debug)]
pub struct LoneOperator<'a> {
    kubernetes: &'a Kubernetes,
    proxy: Child,
    upstream: Endpoint,
    binary: PathBuf,
    directory: TempDir,
    replicas: i64,
    deployment: String,
}

/// One life of it.
#[derive(Debug)]
pub struct Life {
    /// Who stands in between.
    pub cutter: Cutter,
    child: Child,
}

impl<'a> LoneOperator<'a> {
    /// Stops the installed operators, until this is dropped.
    ///
    /// # Errors
    /// When they do not stop.
    pub fn instead_of_the_installed(kubernetes: &'a Kubernetes) -> Result<Self> {
        let path = format!("/apis/apps/v1/namespaces/{OPERATOR_NAMESPACE}/deployments");
        let deployments = kubernetes.api().list(&path)?;
        let deployment = deployments.first().context("no operator is installed")?;
        let directory = tempfile::tempdir()?;
        let port = port::free()?;
        let account = super::text(deployment, "/spec/template/spec/serviceAccountName");
        let account = format!("--as=system:serviceaccount:{OPERATOR_NAMESPACE}:{account}");
        let mut proxy = Command::new("kubectl");
        proxy.args(["proxy", &account, "--port", &port.to_string()]);
        let lone = Self {
            kubernetes,
            proxy: proxy.stdout(Stdio::null()).spawn()?,
            upstream: port.into(),
            binary: binary(&directory)?,
            directory,
            replicas: number(deployment, "/spec/replicas").unwrap_or(1),
            deployment: super::name_of(deployment),
        };
        lone.scale(0)?;
        kubernetes.until("the installed operators to end", PATIENCE, || {
            let pods =
                format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?labelSelector={LABEL}");
            Ok(kubernetes.api().list(&pods)?.is_empty().then_some(()))
        })?;
        Ok(lone)
    }

    fn scale(&self, replicas: i64) -> Result<()> {
        let (deployment, replicas) = (
            format!("deployment/{}", self.deployment),
            format!("--replicas={replicas}"),
        );
        let scale = ["scale", &deployment, &replicas, "-n", OPERATOR_NAMESPACE];
        self.kubernetes.api().kubectl(&scale).map(drop)
    }

    /// Starts it; it is killed at the call of the cut.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, cut: Option<Cut>) -> Result<Life> {
        let cutter = Cutter::start(self.upstream, cut)?;
        redirect(cutter.admin().port())?;
        let kubeconfig = self.directory.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{{name: x, cluster: {{server: 'http://{}'}}}}]\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\nusers: [{{name: x, user: {{}}}}]\n",
            cutter.api()
        );
        fs::write(&kubeconfig, text)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.binary);
        command
            .args(["--namespace", OPERATOR_NAMESPACE, "--identity", "lone"])
            .args(["--http", &format!("127.0.0.1:{}", port::free()?)])
            .env("KUBECONFIG", &kubeconfig)
            .uid(USER)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command.spawn().context("quorate-operator")?;
        cutter.aim(child.id());
        Ok(Life { cutter, child })
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// The end of what it said, for a failure.
    pub fn said(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for LoneOperator<'_> {
    fn drop(&mut self) {
        // Each as far as it goes: the next test finds out what did not.
        let _ = run("nft", &["delete", "table", "ip", TABLE], "");
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
        let _ = self.scale(self.replicas);
    }
}

impl Life {
    /// Waits until it was killed, or the condition holds without that; says whether it was killed.
    ///
    /// # Errors
    /// When neither happens, or it ended by itself.
    pub fn until(mut self, what: &str, mut holds: impl FnMut() -> bool) -> Result<bool> {
        wait::until(what, PATIENCE, || {
            wait::pass(std::time::Duration::from_millis(100));
            if self.cutter.is_done() {
                return Some(Ok(true));
            }
            match self.child.try_wait() {
                Ok(Some(status)) if !self.cutter.is_done() => {
                    return Some(Err(anyhow::anyhow!("the operator ended with {status}")));
                }
                _ => {}
            }
            holds().then_some(Ok(false))
        })?
    }

    /// How many calls it made.
    pub fn calls(&self) -> Vec<String> {
        self.cutter.calls()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = process::end(&mut self.child);
    }
}

/// A copy that any user may run: the build directory may be closed to others.
fn binary(directory: &TempDir) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let built = match env::var_os("QUORATE_OPERATOR_BIN") {
        Some(path) => path.into(),
        None => crate::broker::binary()?.with_file_name("quorate-operator"),
    };
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
    let copy = directory.path().join("quorate-operator");
    fs::copy(&built, &copy).with_context(|| built.display().to_string())?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Ok(copy)
}

/// What that user sends to an admin port comes to us.
fn redirect(port: u16) -> Result<()> {
    let rules = format!(
        "table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n chain output {{\n  type nat hook output priority -100;\n  meta skuid {USER} tcp dport 7983 redirect to :{port}\n }}\n}}\n"
    );
    run("nft", &["-f", "-"], &rules).map(drop)
}
