//! Runs `scripts/*.txt`: stories of one session, packets in and steps out.
//!
//! A line is a comment (`#`), an input, or (indented, with an arrow) an output of the input above it.
//! `UPDATE_SCRIPTS=1 cargo test -p quorate-session --test scripts` writes the outputs anew.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "runner/packets.rs"]
mod packets;
#[path = "runner/story.rs"]
mod story;
#[path = "runner/words.rs"]
mod words;

use std::path::Path;

use story::Story;

/// The outputs a script has when it is run now, between its inputs.
fn rerun(text: &str) -> String {
    let mut story = Story::default();
    let mut out = String::new();
    for line in text.lines().filter(|line| !line.starts_with("  ->")) {
        out.push_str(line);
        out.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for output in story.run(line) {
            out.push_str("  -> ");
            out.push_str(&output);
            out.push('\n');
        }
    }
    out
}

#[test]
fn scripts_give_what_they_say() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let update = std::env::var_os("UPDATE_SCRIPTS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let now = rerun(&text);
        if update {
            std::fs::write(&path, &now).unwrap();
        }
        assert!(
            update || now == text,
            "{} differs; it gives now:\n{now}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 10, "only {count} scripts found");
}
