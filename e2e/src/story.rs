//! Stories: what clients send to a real broker and what it answers, as text (`tests/conformance/*.txt`).
//!
//! A line is a comment (`#`), a step (`client: verb words`), or, indented with an arrow, a packet that a client gets
//! after the step above it: exactly these, in this order, for each client. `*` stands for any word, and for any value
//! behind `name=`. A line `#! env NAME=VALUE` at the top configures the broker. Packets are written and read
//! with the broker's codec, whose own tests are apart; bytes that no codec would write go as `raw`.

mod player;
mod send;
mod show;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::broker::{Options, with_broker};
use crate::wait;
use player::Player;
use words::Words;

/// How long all clients must be silent before a step's answers are written down anew.
const QUIET: Duration = Duration::from_millis(300);
/// How long each client is listened to in turn.
const LOOK: Duration = Duration::from_millis(3);

/// Plays a story against a broker of its own and compares.
///
/// # Errors
/// The first line that comes out differently.
pub fn play(text: &str) -> Result<()> {
    with_broker(options(text), |broker| {
        let mut stage = Stage::new(broker.port);
        for (number, line) in text.lines().enumerate() {
            let at = || format!("line {}: {line}", number + 1);
            match Line::of(line) {
                Line::Comment => {}
                Line::Step(name, words) => stage.step(name, &words).with_context(at)?,
                Line::Answer(name, wanted) => {
                    let got = stage.player(name)?.next().with_context(at)?;
                    ensure!(matches(wanted, &got), "{}\ngot instead: {got}", at());
                }
            }
        }
        stage.silence()
    })
}

/// Plays a story and writes down what comes, in place of its answers.
///
/// # Errors
/// When a step cannot be played.
pub fn record(text: &str) -> Result<String> {
    with_broker(options(text), |broker| {
        let mut stage = Stage::new(broker.port);
        let mut out = String::new();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            if let Line::Answer(..) = Line::of(line) {
                continue;
            }
            out.push_str(line);
            out.push('\n');
            if let Line::Step(name, words) = Line::of(line) {
                stage.step(name, &words).with_context(|| line.to_string())?;
                for (name, answer) in stage.gather()? {
                    let kept = kept_answer(&lines[number + 1..], &name, &answer);
                    out.push_str(&format!("  {name} <- {}\n", kept.unwrap_or(&answer)));
                }
            }
        }
        Ok(out)
    })
}

/// An answer that the story has already and that still fits: its stars stay.
fn kept_answer<'l>(below: &[&'l str], name: &str, answer: &str) -> Option<&'l str> {
    let lines = below.iter().map(|line| Line::of(line));
    let answers = lines.map_while(|line| match line {
        Line::Answer(name, answer) => Some((name, answer)),
        Line::Comment | Line::Step(..) => None,
    });
    let mut fitting = answers.filter(|(of, old)| *of == name && matches(old, answer));
    fitting.next().map(|(_, old)| old)
}

enum Line<'l> {
    Comment,
    Step(&'l str, Words<'l>),
    Answer(&'l str, &'l str),
}

impl<'l> Line<'l> {
    fn of(line: &'l str) -> Self {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return Self::Comment;
        }
        if let Some((name, answer)) = trimmed.split_once(" <- ") {
            return Self::Answer(name, answer);
        }
        let (name, step) = trimmed.split_once(": ").unwrap_or(("", trimmed));
        Self::Step(name, Words::new(step))
    }
}

fn options(text: &str) -> Options {
    let directives = text.lines().filter_map(|line| line.strip_prefix("#! env "));
    let pairs = directives.filter_map(|pair| pair.split_once('='));
    Options {
        environment: pairs
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect(),
        ..Options::default()
    }
}

/// All clients of a story.
struct Stage {
    port: u16,
    players: BTreeMap<String, Player>,
}

impl Stage {
    fn new(port: u16) -> Self {
        Self {
            port,
            players: BTreeMap::new(),
        }
    }

    fn step(&mut self, name: &str, words: &Words<'_>) -> Result<()> {
        match words.verb() {
            "wait" => {
                let millis = words.number("ms").context("wait ms=N")?;
                wait::pass(Duration::from_millis(millis));
            }
            "open" => {
                let player = Player::open(self.port, words.version())?;
                self.players.insert(name.to_owned(), player);
            }
            "connect" => {
                let mut player = Player::open(self.port, words.version())?;
                player.act(name, words)?;
                self.players.insert(name.to_owned(), player);
            }
            _ => self.player(name)?.act(name, words)?,
        }
        Ok(())
    }

    fn player(&mut self, name: &str) -> Result<&mut Player> {
        self.players
            .get_mut(name)
            .with_context(|| format!("no client {name}"))
    }

    /// What all clients get until it is quiet.
    fn gather(&mut self) -> Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        let mut silent_since = Instant::now();
        while silent_since.elapsed() < QUIET {
            for (name, player) in &mut self.players {
                if let Some(answer) = player.next_within(LOOK)? {
                    all.push((name.clone(), answer));
                    silent_since = Instant::now();
                }
            }
        }
        // By client, as all that counts is the order in which each one gets its packets.
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(all)
    }

    /// The end: nobody has anything more.
    fn silence(&mut self) -> Result<()> {
        for (name, player) in &mut self.players {
            if let Some(more) = player.rest()? {
                bail!("at the end {name} has got more: {more}");
            }
        }
        Ok(())
    }
}

/// Whether a packet is as the story wants it, word by word.
fn matches(wanted: &str, got: &str) -> bool {
    let (wanted, got) = (wanted.split_whitespace(), got.split_whitespace());
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.collect(), got.collect());
    let fits = |wanted: &str, got: &str| match wanted.strip_suffix('*') {
        Some(start) => got.starts_with(start),
        None => wanted == got,
    };
    wanted.len() == got.len()
        && wanted
            .iter()
            .zip(&got)
            .all(|(wanted, got)| fits(wanted, got))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_the_rest_of_a_word() {
        assert!(matches("publish a 1 expiry=*", "publish a 1 expiry=59"));
        assert!(!matches("publish a 1", "publish a 1 retain"));
        assert!(!matches("publish a 1 expiry=*", "publish a 1 retain"));
    }
}
