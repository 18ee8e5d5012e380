//! One node of our own Kubernetes: its line to the others can be cut. Nothing in it notices but by silence.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Kubernetes, PATIENCE, holds};

/// A node whose line is cut; it works again when this is dropped.
#[derive(Debug)]
pub struct Node<'a> {
    kubernetes: &'a Kubernetes,
    name: String,
    is_cut: bool,
}

impl<'a> Node<'a> {
    /// The node of that name.
    pub fn of(kubernetes: &'a Kubernetes, name: &str) -> Self {
        Self {
            kubernetes,
            name: name.to_owned(),
            is_cut: false,
        }
    }

    /// Nothing reaches it any more, and nothing leaves it.
    ///
    /// # Errors
    /// When it is no node of ours.
    pub fn cut(&mut self) -> Result<()> {
        self.set("down")?;
        self.is_cut = true;
        Ok(())
    }

    /// Waits until Kubernetes has noticed that it is gone.
    ///
    /// # Errors
    /// When it does not notice.
    pub fn is_missed(&self) -> Result<()> {
        self.until_ready(false)
    }

    /// The line works again; waits until Kubernetes has noticed.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn heal(&mut self) -> Result<()> {
        self.set("up")?;
        self.is_cut = false;
        self.until_ready(true)
    }

    fn until_ready(&self, wanted: bool) -> Result<()> {
        let path = format!("/api/v1/nodes/{}", self.name);
        let what = format!("node {} to be ready: {wanted}", self.name);
        self.kubernetes.until(&what, PATIENCE, || {
            let is_ready = holds(&self.kubernetes.api().get(&path)?, "Ready");
            Ok((is_ready == wanted).then_some(()))
        })
    }

    /// The host's end of the node's line, as `e2e/kubernetes/up` names it.
    fn device(&self) -> Result<String> {
        let number = self.name.strip_prefix("node");
        let number = number.with_context(|| format!("{} is no node of ours", self.name))?;
        Ok(format!("qrk8s-{number}"))
    }

    fn set(&self, state: &str) -> Result<()> {
        let device = self.device()?;
        let status = Command::new("ip")
            .args(["link", "set", &device, state])
            .status()?;
        ensure!(status.success(), "ip link set {device} {state}: {status}");
        Ok(())
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        if self.is_cut {
            // The next test needs it, whatever became of this one.
            let _ = self.heal();
        }
    }
}
