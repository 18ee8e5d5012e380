//! The house rules that no compiler checks, as an ordinary test. Reads the tree, never writes.
//! Each checker is a function from text to findings, so that its own tests can show it bad text.

use std::fmt;
use std::path::{Path, PathBuf};

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/duplicates.rs"]
mod duplicates;
#[path = "tidy/scan.rs"]
mod scan;
#[path = "tidy/top_level.rs"]
mod top_level;
#[path = "tidy/words.rs"]
mod words;

/// Something that breaks a house rule: where, what, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &Path, line: usize, what: impl Into<String>) -> Self {
        let (file, what) = (file.to_path_buf(), what.into());
        Self { file, line, what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("e2e lies in the repository").into()
}

fn assert_none(findings: &[Finding]) {
    let list: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(
        list.is_empty(),
        "{} finding(s):\n{}",
        list.len(),
        list.join("\n")
    );
}

#[test]
fn dependency_arrows_point_one_way() {
    assert_none(&arrows::check_tree(&root()));
}

#[test]
fn no_dependency_comes_twice_without_a_reason() {
    assert_none(&duplicates::check_tree(&root()));
}

#[test]
fn the_top_level_holds_only_what_belongs_there() {
    assert_none(&top_level::check_tree(&root()));
}

#[test]
fn rust_files_keep_the_house_rules() {
    assert_none(&code::check_tree(&root()));
}

#[test]
fn no_file_holds_left_overs() {
    assert_none(&words::check_tree(&root()));
}
