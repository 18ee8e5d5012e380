//! Left-overs in any text file: notes to oneself, and paths of the machine it was written on.

use std::fs;
use std::path::Path;

use super::Finding;
use super::scan::files;

/// Word, and what to do. Spelled apart, so that this file does not find itself.
const WORDS: [(&str, &str); 6] = [
    (
        concat!("TO", "DO"),
        "do it, or open an issue and delete the note",
    ),
    (
        concat!("FIX", "ME"),
        "fix it, or open an issue and delete the note",
    ),
    (concat!("XX", "X"), "say what is meant"),
    (
        concat!("/wo", "rk/"),
        "this path exists on one machine only",
    ),
    (
        concat!("/ro", "ot/"),
        "this path exists on one machine only",
    ),
    (
        concat!("/ho", "me/"),
        "this path exists on one machine only",
    ),
];
const TEXT: [&str; 8] = ["rs", "toml", "md", "sh", "py", "proto", "conf", "txt"];

pub(crate) fn check_tree(root: &Path) -> Vec<Finding> {
    let all = files(root, |path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_none_or(|extension| TEXT.contains(&extension))
    });
    let mut findings = Vec::new();
    for path in all {
        // A file without an extension may be a binary.
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            findings.extend(check(&path, &text));
        }
    }
    findings
}

fn check(path: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, advice) in WORDS {
            if holds(line, word) {
                let what = format!("holds {word}: {advice}");
                findings.push(Finding::new(path, index + 1, what));
            }
        }
    }
    findings
}

/// The word itself, not a part of a longer one.
fn holds(line: &str, word: &str) -> bool {
    let bounded = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    let is_path = word.starts_with('/');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        bounded(before) && (is_path || bounded(after))
    })
}

#[test]
fn finds_notes_and_machine_paths_but_not_parts_of_words() {
    let text = format!(
        "fine\n// {}: later\ncd {}x\n{}S\n",
        WORDS[0].0, WORDS[3].0, WORDS[0].0
    );
    let findings = check(Path::new("a.rs"), &text);
    let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [2, 3]);
}
