//! What the operator writes for the broker is what the broker takes: the real binary reads the configuration files
//! of the operator's goldens, and every key that a manifest may set.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn yaml(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_saphyr::from_str(&text)?)
}

/// What the broker makes of a configuration file, as a node of the cluster starts it.
fn effective(config: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("quorate.toml");
    fs::write(&file, config)?;
    let mut command = Command::new(broker::binary()?);
    command.arg("serve").arg("--config").arg(&file);
    command.args(["--bootstrap", "wait", "--print-config"]);
    command.env("QUORATE_CLUSTER_ADVERTISE", "demo-0.demo-nodes.shop.svc");
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{said}\n{config}");
    let printed = String::from_utf8(output.stdout)?;
    ensure!(!printed.contains("# Not complete"), "{printed}");
    Ok(printed)
}

#[test]
fn the_broker_takes_the_configuration_of_the_examples() -> Result<()> {
    for (example, name, key) in [
        (
            "cluster",
            "configmap-demo-config.yaml",
            "allow_anonymous = true",
        ),
        (
            "secure",
            "configmap-secure-config.yaml",
            "password_file = \"/etc/quorate/users/users\"",
        ),
    ] {
        let map = yaml(&root().join("operator/golden").join(example).join(name))?;
        let config = map["data"]["quorate.toml"].as_str().context("a file")?;
        let printed = effective(config)?;
        ensure!(printed.contains(key), "{printed}");
    }
    Ok(())
}

#[test]
fn the_broker_has_every_key_with_the_bounds_that_a_manifest_may_set() -> Result<()> {
    let crd = yaml(&root().join("charts/quorate-operator/crds/mqttclusters.yaml"))?;
    let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let config = &spec["properties"]["config"]["properties"];
    for bound in ["minimum", "maximum"] {
        let mut text = String::from("data = \"/data\"\n");
        text += &keys(config, bound)?;
        for table in ["limits", "auth", "storage"] {
            text += &format!("[{table}]\n{}", keys(&config[table]["properties"], bound)?);
            if table == "auth" {
                text += "allow_anonymous = true\n";
            }
        }
        effective(&text)?;
    }
    Ok(())
}

/// The numbers among the keys, each at one of its bounds.
fn keys(properties: &Value, bound: &str) -> Result<String> {
    let properties = properties
        .as_object()
        .context("the definition has config")?;
    let lines = properties.iter().filter_map(|(key, schema)| {
        let value = schema[bound].as_f64()?;
        Some(format!("{} = {value:.0}\n", snake(key)))
    });
    Ok(lines.collect())
}

fn snake(key: &str) -> String {
    let letters = key.chars().map(|letter| match letter.is_ascii_uppercase() {
        true => format!("_{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    });
    letters.collect()
}
