//! Volumes of our own Kubernetes are folders of a node, and nobody empties them: here is who does.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Kubernetes, api, name_of, root, text};

/// The folders that `e2e/kubernetes/volumes` offers.
#[derive(Debug)]
pub struct Volumes;

impl Volumes {
    /// Empties every volume whose claim is gone, and offers it again.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn recycle(kubernetes: &Kubernetes) -> Result<()> {
        for volume in kubernetes.api().list("/api/v1/persistentvolumes")? {
            if text(&volume, "/status/phase") == "Released" {
                Self::renew(kubernetes, &volume)?;
            }
        }
        Ok(())
    }

    /// A pod's claim is deleted, as after the loss of a disk; it is gone for good once the pod is.
    ///
    /// # Errors
    /// When there is none.
    pub fn lose(kubernetes: &Kubernetes, namespace: &str, pod: &str) -> Result<()> {
        let claim = format!("data-{pod}");
        let delete = ["delete", "pvc", "-n", namespace, &claim, "--wait=false"];
        kubernetes.api().kubectl(&delete).map(drop)
    }

    fn renew(kubernetes: &Kubernetes, volume: &Value) -> Result<()> {
        let label = |name: &str| {
            let labels = volume.pointer("/metadata/labels");
            let value = labels.and_then(|labels| labels[name].as_str());
            value.context("not one of our volumes")
        };
        let (node, number) = (
            label("quorate.dev/e2e-node")?,
            label("quorate.dev/e2e-volume")?,
        );
        let api = kubernetes.api();
        api.kubectl(&["delete", "persistentvolume", &name_of(volume)])?;
        let script = root().join("e2e/kubernetes/volumes");
        let script = script.to_str().context("a path in UTF-8")?;
        let manifest = api::run(script, &[node, number], "")?;
        ensure!(!manifest.is_empty(), "no volume printed");
        api.kubectl_with(&["apply", "-f", "-"], &manifest).map(drop)
    }
}
