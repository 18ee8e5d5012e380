//! The top level of the repository: a newcomer's first `ls` shows the parts and nothing else.

use std::fs;
use std::path::Path;

use super::Finding;

const ALLOWED: [&str; 10] = [
    "broker",
    "proto",
    "operator",
    "charts",
    "e2e",
    "README.md",
    "LICENSE",
    "Cargo.toml",
    "Cargo.lock",
    "Dockerfile",
];

pub(crate) fn check_tree(root: &Path) -> Vec<Finding> {
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let names = fs::read_dir(root).expect("the root is readable");
    let names: Vec<String> = names
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    check(&names, &ignored)
}

fn check(names: &[String], gitignore: &str) -> Vec<Finding> {
    let ignored = |name: &str| gitignore.lines().any(|line| line.trim_matches('/') == name);
    let allowed = |name: &str| ALLOWED.contains(&name) || name.starts_with('.') || ignored(name);
    let strangers = names.iter().filter(|name| !allowed(name));
    strangers
        .map(|name| {
            let what = "does not belong at the top level; move it into the part it serves";
            Finding::new(Path::new(name), 1, what)
        })
        .collect()
}

#[test]
fn finds_a_stranger_and_only_that() {
    let names = ["broker", ".ci", "target", "notes.txt"].map(str::to_owned);
    let findings = check(&names, "/target\n");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].file, Path::new("notes.txt"));
}
