//! Two incompatible versions of one dependency cost build time and binary size, so each pair needs a
//! reason in `duplicates.toml`. Reasons that no longer apply must go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::Table;

use super::Finding;
use super::scan::line_of;

const REASONS: &str = "e2e/tests/tidy/duplicates.toml";

pub(crate) fn check_tree(root: &Path) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("the file is readable");
    check(&read("Cargo.lock"), &read(REASONS))
}

fn check(lock: &str, reasons: &str) -> Vec<Finding> {
    let reasons_table: Table = reasons.parse().expect("the reasons are TOML");
    let versions = versions(&lock.parse().expect("Cargo.lock is TOML"));
    let twice = versions.iter().filter(|(_, majors)| majors.len() > 1);
    let mut findings = Vec::new();
    for (name, majors) in twice.clone() {
        if !reasons_table.contains_key(name) {
            let line = line_of(lock, &format!("name = \"{name}\""));
            let what = format!(
                "{name} comes in versions {majors:?}; get rid of one, or say in {REASONS} why not"
            );
            findings.push(Finding::new(Path::new("Cargo.lock"), line, what));
        }
    }
    for name in reasons_table.keys() {
        if !twice.clone().any(|(other, _)| other == name) {
            let what = format!("{name} no longer comes twice; delete this line");
            findings.push(Finding::new(
                Path::new(REASONS),
                line_of(reasons, name),
                what,
            ));
        }
    }
    findings
}

/// For each package the versions that cargo holds incompatible: the first number that is not zero.
fn versions(lock: &Table) -> BTreeMap<String, BTreeSet<String>> {
    let packages = lock.get("package").and_then(|value| value.as_array());
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages.into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(|value| value.as_str());
        let (Some(name), Some(version)) = (text("name"), text("version")) else {
            continue;
        };
        versions
            .entry(name.into())
            .or_default()
            .insert(major(version));
    }
    versions
}

fn major(version: &str) -> String {
    let mut parts = version.split('.');
    match (parts.next(), parts.next()) {
        (Some("0"), Some(minor)) => format!("0.{minor}"),
        (Some(major), _) => major.to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "a"
        version = "1.2.0"
        [[package]]
        name = "a"
        version = "2.0.0"
        [[package]]
        name = "b"
        version = "0.3.1"
        [[package]]
        name = "b"
        version = "0.4.0"
        [[package]]
        name = "c"
        version = "1.0.0"
        [[package]]
        name = "c"
        version = "1.1.0"
    "#;

    #[test]
    fn finds_what_has_no_reason_and_reasons_that_are_stale() {
        let findings = check(LOCK, "a = \"x needs the old one\"\nc = \"gone\"\n");
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("b comes in versions"), "{lines:?}");
        assert!(
            lines[1].contains("duplicates.toml:2: c no longer"),
            "{lines:?}"
        );
    }

    #[test]
    fn accepts_what_has_a_reason() {
        assert_eq!(check(LOCK, "a = \"why\"\nb = \"why\"\n"), []);
    }
}
