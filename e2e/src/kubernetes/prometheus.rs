//! Debian's Prometheus beside our own Kubernetes: it finds what to scrape by the annotations of the pods, as it would inside.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::api::{http, run};
use super::{Kubernetes, PATIENCE};
use crate::endpoint::Endpoint;
use crate::port;

/// Everything that asks to be scraped, at the port and path that it says.
const CONFIGURATION: &str = r#"
global: {scrape_interval: 2s, scrape_timeout: 2s}
scrape_configs:
- job_name: pods
  kubernetes_sd_configs: [{role: pod, kubeconfig_file: "KUBECONFIG"}]
  relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
  - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path], regex: "(.+)", target_label: __metrics_path__}
  - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], separator: ":", target_label: __address__}
  - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
  - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
  # A pod with several ports is found once for each; they are the same by now.
  - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: "http|metrics", action: keep}
"#;

/// A Prometheus that runs; it ends when dropped.
#[derive(Debug)]
pub struct Prometheus {
    child: Child,
    endpoint: Endpoint,
    _data: TempDir,
}

impl Prometheus {
    /// Starts it.
    ///
    /// # Errors
    /// When it is not installed, or does not become ready.
    pub fn start(kubernetes: &Kubernetes) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let kubeconfig = std::env::var("KUBECONFIG").context("KUBECONFIG")?;
        let file = data.path().join("prometheus.yml");
        fs::write(&file, CONFIGURATION.replace("KUBECONFIG", &kubeconfig))?;
        let port = port::free()?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(data.path().join("log"))?);
        let prometheus = Self {
            child: command
                .spawn()
                .context("prometheus: run e2e/kubernetes/tools")?,
            endpoint: port.into(),
            _data: data,
        };
        kubernetes.until("Prometheus to be ready", PATIENCE, || {
            Ok((http(prometheus.endpoint, "/-/ready")?.0 == 200).then_some(()))
        })?;
        Ok(prometheus)
    }

    /// What a query gives: each sample's labels and value.
    ///
    /// # Errors
    /// When Prometheus does not understand it.
    pub fn ask(&self, query: &str) -> Result<Vec<(Value, f64)>> {
        let path = format!("/api/v1/query?query={}", encode(query));
        let (status, body) = http(self.endpoint, &path)?;
        ensure!(status == 200, "{query}: {status} {body}");
        let answer: Value = serde_json::from_str(&body)?;
        let samples = answer.pointer("/data/result").and_then(Value::as_array);
        let samples = samples.with_context(|| format!("{query}: {body}"))?;
        samples.iter().map(sample).collect()
    }
}

fn sample(sample: &Value) -> Result<(Value, f64)> {
    let value = sample.pointer("/value/1").and_then(Value::as_str);
    let value = value.context("a sample without a value")?.parse()?;
    Ok((sample["metric"].clone(), value))
}

/// Percent-encodes whatever is no letter or digit.
fn encode(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What `promtool check metrics` finds wrong with a page; empty when it is clean.
///
/// # Errors
/// When promtool is not installed.
pub fn lint(page: &str) -> Result<String> {
    match run("promtool", &["check", "metrics"], page) {
        Ok(_) => Ok(String::new()),
        Err(error) => Ok(format!("{error:#}")),
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
