//! Debian's Prometheus beside our own Kubernetes. It scrapes the pods whose annotations ask for it, at the port and path that they
//! say, as the usual discovery would; Debian builds it without Kubernetes' discovery, so the rule is carried out here.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{http, run};
use super::{Kubernetes, PATIENCE, name_of, text};
use crate::endpoint::Endpoint;
use crate::port;

const CONFIGURATION: &str = r#"
global: {scrape_interval: 2s, scrape_timeout: 2s}
scrape_configs:
- job_name: pods
  file_sd_configs: [{files: [TARGETS], refresh_interval: 5s}]
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
        let (file, targets) = (
            data.path().join("prometheus.yml"),
            data.path().join("targets.json"),
        );
        fs::write(&targets, discover(kubernetes)?.to_string())?;
        let named = targets.display().to_string();
        fs::write(&file, CONFIGURATION.replace("TARGETS", &named))?;
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

/// Every pod that asks to be scraped.
fn discover(kubernetes: &Kubernetes) -> Result<Value> {
    let pods = kubernetes.api().list("/api/v1/pods")?;
    let targets = pods.iter().filter_map(|pod| {
        let asks = |name: &str| text(pod, &format!("/metadata/annotations/prometheus.io~1{name}"));
        let address = format!("{}:{}", text(pod, "/status/podIP"), asks("port"));
        let labels = json!({
            "namespace": text(pod, "/metadata/namespace"),
            "pod": name_of(pod),
            "__metrics_path__": asks("path"),
        });
        (asks("scrape") == "true").then(|| json!({"targets": [address], "labels": labels}))
    });
    Ok(targets.collect())
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
