//! The operator's chart, installed by the real Helm.

use anyhow::{Context as _, Result};

use super::{Kubernetes, api, image, root, split_image};

const RELEASE: &str = "quorate";

/// Where the tests' operator lives.
pub const OPERATOR_NAMESPACE: &str = "quorate-system";

/// A release of the chart.
#[derive(Debug)]
pub struct Chart {
    image: String,
}

impl Chart {
    /// With the image under test.
    pub fn ours() -> Self {
        Self { image: image() }
    }

    /// With another image.
    pub fn with_image(image: &str) -> Self {
        Self {
            image: image.to_owned(),
        }
    }

    /// Installs it, or upgrades what is installed, and waits until the operator is ready. A release that is just so is left alone.
    ///
    /// # Errors
    /// When Helm fails; with what it said.
    pub fn install(&self, _kubernetes: &Kubernetes) -> Result<()> {
        let chart = root().join("charts/quorate-operator");
        let chart = chart.to_str().context("a path in UTF-8")?;
        let (repository, tag) = split_image(&self.image)?;
        let (repository, tag) = (
            format!("image.repository={repository}"),
            format!("image.tag={tag}"),
        );
        let fixed = ["upgrade", "--install", RELEASE, chart];
        let place = ["--namespace", OPERATOR_NAMESPACE, "--create-namespace"];
        let values = ["--set", &repository, "--set", &tag];
        let wait = ["--wait", "--timeout", "120s"];
        helm(&[&fixed[..], &place, &values, &wait].concat()).map(drop)
    }

    /// Removes it.
    ///
    /// # Errors
    /// When Helm fails.
    pub fn uninstall(_kubernetes: &Kubernetes) -> Result<()> {
        helm(&[
            "uninstall",
            RELEASE,
            "--namespace",
            OPERATOR_NAMESPACE,
            "--wait",
        ])
        .map(drop)
    }
}

fn helm(arguments: &[&str]) -> Result<String> {
    api::run("helm", arguments, "")
}
