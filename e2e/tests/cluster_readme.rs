//! The README's cluster by hand, its commands run as they are written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker;
use quorate_e2e::cluster::lock::Lock;
use quorate_e2e::cluster::{Place, obstacle};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait;

#[test]
fn three_nodes_by_hand_come_up_as_the_readme_says() -> Result<()> {
    if let Some(reason) = obstacle(Place::Loopback) {
        println!("skipped: {reason}");
        return Ok(());
    }
    let _lock = Lock::take()?;
    let directory = tempfile::tempdir()?;
    symlink(
        fs::canonicalize(broker::binary()?)?,
        directory.path().join("quorate"),
    )?;
    let blocks = blocks_of("## Three nodes by hand")?;
    let starts = |word: &'static str| {
        let of = blocks.iter().filter(move |block| block.starts_with(word));
        of.map(|block| here(directory.path(), block))
    };
    for line in starts("quorate certs") {
        run_well("bash", &["-ec", &line])?;
    }
    let nodes = starts("quorate serve").map(|node| Tool::spawn("bash", &["-c", &node]));
    let nodes = nodes.collect::<Result<Vec<_>>>()?;
    ensure!(nodes.len() == 3, "the README starts {} nodes", nodes.len());
    let status = starts("quorate admin").next().context("no admin")?;
    let mut said = String::new();
    let voters = wait::until("three voters", wait::PATIENCE * 2, || {
        said = match run_well("bash", &["-c", &status]) {
            Ok(table) => table,
            Err(error) => error.to_string(),
        };
        (said.matches(" voter ").count() == 3).then_some(())
    });
    voters.context(said)?;
    let listen = starts("mosquitto_sub").next().context("no subscriber")?;
    let mut listener = Tool::spawn("bash", &["-c", &listen])?;
    let publish = starts("mosquitto_pub").next().context("no publisher")?;
    let heard = wait::until("the message", wait::PATIENCE, || {
        run_well("bash", &["-c", &publish]).ok()?;
        listener.line_within(Duration::from_millis(200))
    })?;
    assert_eq!(heard, "temp 22.5");
    Ok(())
}

/// A block as a command in the directory, with its `quorate`; the program takes the shell's place.
fn here(directory: &Path, block: &str) -> String {
    let at = directory.display();
    let last = block.trim_end();
    let exec = if last.contains("serve") { "exec " } else { "" };
    format!("cd {at}; PATH={at}:$PATH; {exec}{last}")
}

/// The fenced blocks of a section.
fn blocks_of(heading: &str) -> Result<Vec<String>> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme)?;
    let (_, section) = readme.split_once(heading).context("no such heading")?;
    let section = section.split("\n## ").next().unwrap_or(section);
    let blocks = section.split("```").skip(1).step_by(2);
    Ok(blocks.map(|block| block.trim_start().to_owned()).collect())
}
