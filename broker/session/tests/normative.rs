//! Reads `NORMATIVE.md`: every normative statement that binds a server has a row, and every row a test that exists, or
//! says why there is none.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Sections of the standard with normative statements, and the last number in each.
const MQTT_5: &str = "1.5.4-3 1.5.5-1 1.5.7-1 2.1.3-1 2.2.1-6 2.2.2-1 3.1.0-2 3.1.2-30 3.1.3-12 3.1.4-6 3.2.0-2 \
    3.2.2-22 3.3.1-13 3.3.2-20 3.3.4-10 3.4.2-3 3.5.2-3 3.6.1-1 3.6.2-3 3.7.2-3 3.8.1-1 3.8.3-5 3.8.4-8 3.9.2-2 3.9.3-2 \
    3.10.1-1 3.10.3-2 3.10.4-6 3.11.2-2 3.11.3-2 3.12.4-1 3.14.0-1 3.14.1-1 3.14.2-4 3.14.4-3 3.15.1-1 3.15.2-3 4.1.0-2 \
    4.2.0-1 4.3.1-1 4.3.2-5 4.3.3-13 4.4.0-2 4.5.0-2 4.6.0-6 4.7.0-1 4.7.1-2 4.7.2-1 4.7.3-4 4.8.2-6 4.9.0-3 4.12.0-7 \
    4.12.1-2 4.13.1-1 4.13.2-1 6.0.0-4";
/// Statements of MQTT 5 that bind clients alone, and numbers that are not used.
const MQTT_5_OTHERS: &str = "2.2.1-1 3.1.2-20 3.1.2-21 3.1.2-30 3.2.2-4 3.2.2-5 3.2.2-11 3.2.2-14 3.2.2-15 3.2.2-17 \
    3.2.2-18 3.2.2-21 3.3.2-10 3.3.4-7 3.3.4-8 4.5.0-2 4.6.0-1 4.6.0-2 4.6.0-3 4.6.0-4 4.12.0-3 4.12.0-7 6.0.0-3";
const MQTT_311: &str = "1.5.3-3 2.2.2-2 2.3.1-7 3.1.0-2 3.1.2-24 3.1.3-11 3.1.4-5 3.2.0-1 3.2.2-6 3.3.1-12 3.3.2-3 3.3.4-1 \
    3.3.5-2 3.6.1-1 3.8.1-1 3.8.3-4 3.8.4-6 3.9.3-2 3.10.1-1 3.10.3-2 3.10.4-6 3.12.4-1 3.14.1-1 3.14.4-3 4.1.0-2 4.2.0-1 \
    4.3.1-1 4.3.2-2 4.3.3-2 4.4.0-1 4.5.0-2 4.6.0-6 4.7.1-3 4.7.2-1 4.7.3-4 4.8.0-2 6.0.0-4";
const MQTT_311_OTHERS: &str =
    "2.3.1-2 2.3.1-3 3.1.2-23 3.14.4-1 3.14.4-2 4.5.0-2 4.6.0-1 4.6.0-2 4.6.0-3 4.6.0-4 6.0.0-3";

/// How a row says that it has no test.
const NONE: &str = "not tested: ";

struct Row {
    statement: String,
    held_by: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows under a heading.
fn rows(heading: &str) -> Vec<Row> {
    let text = fs::read_to_string(root().join("broker/session/NORMATIVE.md")).unwrap();
    let (_, below) = text.split_once(&format!("## {heading}\n")).unwrap();
    let table = below.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| MQTT-"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        Row {
            statement: cells[0].strip_prefix("MQTT-").unwrap().to_owned(),
            held_by: cells[2].to_owned(),
        }
    })
    .collect()
}

/// All numbers up to the last ones, without the others.
fn demanded(last: &str, others: &str) -> BTreeSet<String> {
    let others: BTreeSet<&str> = others.split_whitespace().collect();
    let sections = last
        .split_whitespace()
        .map(|last| last.rsplit_once('-').unwrap());
    sections
        .flat_map(|(section, last)| {
            let numbers = 1..=last.parse::<u32>().unwrap();
            numbers.map(move |number| format!("{section}-{number}"))
        })
        .filter(|statement| !others.contains(statement.as_str()))
        .collect()
}

/// Whether the test exists: a story, or a function marked as a test.
fn exists(test: &str) -> bool {
    let (path, name) = test
        .split_once("::")
        .map_or((test, None), |(path, name)| (path, Some(name)));
    let Ok(text) = fs::read_to_string(root().join(path)) else {
        return false;
    };
    let Some(name) = name else {
        return path.ends_with(".txt");
    };
    let head = format!("fn {name}(");
    let Some(at) = text.find(&head) else {
        return false;
    };
    // Attributes of a function stand right above it, also within `proptest!`.
    text[..at]
        .trim_end()
        .trim_end_matches("async")
        .trim_end()
        .ends_with(']')
}

fn check(heading: &str, last: &str, others: &str) {
    let rows = rows(heading);
    let named: BTreeSet<String> = rows.iter().map(|row| row.statement.clone()).collect();
    assert_eq!(named.len(), rows.len(), "a statement comes twice");
    let demanded = demanded(last, others);
    let missing: Vec<_> = demanded.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&demanded).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "missing {missing:?}, unknown {unknown:?}"
    );
    for Row { statement, held_by } in rows {
        let reason = held_by.strip_prefix(NONE);
        let test = held_by.trim_matches('`');
        let ok = reason.map_or_else(|| exists(test), |reason| !reason.is_empty());
        assert!(ok, "MQTT-{statement} of {heading}: no test {test}");
    }
}

#[test]
fn every_statement_of_mqtt_5_has_its_test() {
    check("MQTT 5.0", MQTT_5, MQTT_5_OTHERS);
}

#[test]
fn every_statement_of_mqtt_311_has_its_test() {
    check("MQTT 3.1.1", MQTT_311, MQTT_311_OTHERS);
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    let here = "broker/session/tests/normative.rs";
    assert!(exists(&format!(
        "{here}::a_test_that_is_not_there_is_noticed"
    )));
    assert!(!exists(&format!("{here}::check")), "no test");
    assert!(!exists(&format!("{here}::nothing")));
    assert!(!exists("broker/session/tests/scripts/nothing.txt"));
    assert!(exists("broker/session/tests/scripts/subscribe.txt"));
}
