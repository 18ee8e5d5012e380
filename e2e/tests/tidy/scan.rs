//! Finds files and lines. Knows no rule.

use std::fs;
use std::path::{Path, PathBuf};

/// Files below the root that the rules apply to, as paths from the root, in order.
pub(crate) fn files(root: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for part in ["broker", "proto", "operator", "charts", "e2e", ".ci"] {
        walk(&root.join(part), &mut found);
    }
    for name in ["README.md", "Cargo.toml", "Dockerfile"] {
        found.extend(Some(root.join(name)).filter(|path| path.exists()));
    }
    let mut files: Vec<PathBuf> = found
        .iter()
        .filter_map(|path| Some(path.strip_prefix(root).ok()?.to_path_buf()))
        .filter(|path| wanted(path))
        .collect();
    files.sort();
    files
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let skipped = ["target", ".venv", "node_modules", "results"]
            .iter()
            .any(|one| name == *one);
        if path.is_dir() && !skipped {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The number of the first line that holds the text; 1 if none does.
pub(crate) fn line_of(text: &str, what: &str) -> usize {
    let index = text.lines().position(|line| line.contains(what));
    index.map_or(1, |index| index + 1)
}
