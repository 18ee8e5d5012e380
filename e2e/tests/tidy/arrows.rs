//! Dependency arrows between the crates, and what a pure crate may depend on.

use std::fs;
use std::path::Path;

use toml::Table;

use super::Finding;
use super::scan::line_of;

/// Each crate of the workspace and those of ours it may use. A new crate must be entered here.
const ARROWS: [(&str, &[&str]); 11] = [
    ("quorate-codec", &[]),
    ("quorate-session", &["quorate-codec"]),
    ("quorate-router", &["quorate-codec"]),
    ("quorate-shard", &["quorate-codec", "quorate-router"]),
    ("quorate-control", &[]),
    ("quorate-wal", &[]),
    ("quorate-proto", &[]),
    (
        "quorate-node",
        &[
            "quorate-codec",
            "quorate-session",
            "quorate-router",
            "quorate-shard",
            "quorate-control",
            "quorate-wal",
            "quorate-proto",
        ],
    ),
    (
        "quorate-sim",
        &[
            "quorate-codec",
            "quorate-session",
            "quorate-router",
            "quorate-shard",
            "quorate-control",
            "quorate-wal",
            // It drives the worker's core and the dispatcher, which are free of I/O.
            "quorate-node",
        ],
    ),
    ("quorate-operator", &["quorate-proto"]),
    ("quorate-e2e", &["quorate-codec"]),
];

/// Crates that decide and never do: no runtime, no socket, no serialisation.
const PURE: [&str; 5] = [
    "quorate-codec",
    "quorate-session",
    "quorate-router",
    "quorate-shard",
    "quorate-control",
];
const PURE_MAY_USE: [&str; 5] = ["bytes", "thiserror", "foldhash", "proptest", "crc32c"];

pub(crate) fn check_tree(root: &Path) -> Vec<Finding> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("Cargo.toml is readable");
    let workspace: Table = manifest.parse().expect("Cargo.toml is TOML");
    let members = workspace["workspace"]["members"].as_array();
    let members = members.expect("the workspace lists its members");
    let mut findings = Vec::new();
    for member in members {
        let path = Path::new(member.as_str().expect("a member is a path")).join("Cargo.toml");
        let text = fs::read_to_string(root.join(&path)).expect("a member has a manifest");
        findings.extend(check(&path, &text));
    }
    findings
}

fn check(path: &Path, text: &str) -> Vec<Finding> {
    let table: Table = text.parse().expect("a manifest is TOML");
    let name = table["package"]["name"].as_str().unwrap_or_default();
    let Some((_, targets)) = ARROWS.iter().find(|(from, _)| *from == name) else {
        let what = format!("crate {name} has no arrows; enter it in e2e/tests/tidy/arrows.rs");
        return vec![Finding::new(path, 1, what)];
    };
    let mut findings = Vec::new();
    for dependency in dependencies(&table) {
        let ours = dependency.starts_with("quorate-");
        let wrong = if ours && !targets.contains(&dependency.as_str()) {
            format!("{name} must not depend on {dependency}: the arrow points the other way")
        } else if !ours && PURE.contains(&name) && !PURE_MAY_USE.contains(&dependency.as_str()) {
            format!("{name} is pure and must not depend on {dependency}; move that part to node")
        } else {
            continue;
        };
        findings.push(Finding::new(path, line_of(text, &dependency), wrong));
    }
    findings
}

/// Names in all dependency tables, those of a target included.
fn dependencies(table: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in table {
        let Some(inner) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            names.extend(inner.keys().cloned());
        } else if key == "target" {
            let targets = inner.values().filter_map(|value| value.as_table());
            names.extend(targets.flat_map(dependencies));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<Finding> {
        check(Path::new("x/Cargo.toml"), text)
    }

    #[test]
    fn finds_an_arrow_that_points_back() {
        let text =
            "[package]\nname = \"quorate-codec\"\n[dev-dependencies]\nquorate-node.path = \"..\"\n";
        let findings = findings(text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].line, 4);
    }

    #[test]
    fn finds_a_runtime_in_a_pure_crate_also_behind_a_target() {
        let text = "[package]\nname = \"quorate-shard\"\n[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n";
        assert_eq!(findings(text).len(), 1);
    }

    #[test]
    fn finds_a_crate_without_arrows() {
        assert_eq!(findings("[package]\nname = \"quorate-new\"\n").len(), 1);
    }

    #[test]
    fn accepts_an_arrow_that_is_drawn() {
        let text = "[package]\nname = \"quorate-router\"\n[dependencies]\nquorate-codec.workspace = true\n";
        assert_eq!(findings(text), []);
    }
}
