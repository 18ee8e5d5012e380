//! The broker's behaviour as clients see it, statement by statement: the stories in `conformance/`, each against a
//! broker of its own. `UPDATE_STORIES=1 cargo test -p quorate-e2e --test conformance` writes the answers anew: read the
//! difference. Which statement of the standard is held where is in `broker/session/NORMATIVE.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use quorate_e2e::story;

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test] fn $name() -> Result<()> { run(stringify!($name)) })*
        const STORIES: &[&str] = &[$(stringify!($name)),*];
    };
}

stories! {
    capabilities
    connect
    connect_refused
    disconnect
    dollar_topics
    durable
    expiry
    flow_control
    keep_alive
    malformed
    maximum_packet
    publish
    request_response
    retained
    sessions
    shared
    shared_durable
    shared_lost
    subscribe
    takeover
    topic_alias
    unsubscribe
    version_31
    version_311
    wildcards
    wills
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

fn run(name: &str) -> Result<()> {
    let path = directory().join(name).with_extension("txt");
    let text = fs::read_to_string(&path)?;
    if std::env::var_os("UPDATE_STORIES").is_some() {
        fs::write(path, story::record(&text)?)?;
        return Ok(());
    }
    story::play(&text)
}

#[test]
fn every_story_is_told() -> Result<()> {
    let files = fs::read_dir(directory())?;
    let names = files.map(|file| {
        let path = file?.path();
        Ok(path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned())
    });
    let told: BTreeSet<String> = STORIES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names.collect::<Result<BTreeSet<_>>>()?, told);
    Ok(())
}
