//! Thousands of seeded lives of a log on a disk that crashes: what was reported durable is there afterwards, in order;
//! what was removed does not come back; votes never go back. The same test must notice a log that reports too early.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use quorate_wal::sim_disk::{Failure, Random, SimDisk};
use quorate_wal::{Entry, Fault, Log, OpenError, Options, Recovered};

const GROUPS: u64 = 3;
const VOTE: u8 = 1;

/// What one group should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    entries: BTreeMap<u64, Bytes>,
    purged: Option<u64>,
    vote: u64,
}

impl Model {
    fn next(&self) -> u64 {
        let after_last = self.entries.keys().next_back().map(|last| last + 1);
        after_last
            .or_else(|| self.purged.map(|p| p + 1))
            .unwrap_or(1)
    }
}

type Models = BTreeMap<u32, Model>;

#[derive(Clone, Debug)]
enum Change {
    Append(Vec<Bytes>),
    Truncate(u64),
    Purge(u64),
    Vote(u64),
}

fn header(index: u64) -> [u8; 24] {
    let mut header = [3; 24];
    header[..8].copy_from_slice(&index.to_le_bytes());
    header
}

fn apply(model: &mut Model, change: &Change) {
    match change {
        Change::Append(payloads) => {
            for payload in payloads {
                model.entries.insert(model.next(), payload.clone());
            }
        }
        Change::Truncate(last_kept) => {
            model.entries.split_off(&(last_kept + 1));
        }
        Change::Purge(upto) => {
            model.entries = model.entries.split_off(&(upto + 1));
            model.purged = model.purged.max(Some(*upto));
        }
        Change::Vote(vote) => model.vote = *vote,
    }
}

fn steps(change: Change) -> Vec<Change> {
    match change {
        Change::Append(payloads) => payloads
            .into_iter()
            .map(|p| Change::Append(vec![p]))
            .collect(),
        Change::Truncate(_) | Change::Purge(_) | Change::Vote(_) => vec![change],
    }
}

fn choose(random: &mut Random, model: &Model, stamp: u64) -> Change {
    let next = model.next();
    match random.below(20) {
        0..=10 => {
            let count = 1 + random.below(4);
            let payloads = (0..count).map(|n| {
                let size = if random.one_in(20) {
                    900
                } else {
                    random.below(120)
                };
                let mut bytes = vec![(stamp % 251) as u8; size as usize];
                bytes.extend_from_slice(&(stamp * 8 + n).to_le_bytes());
                Bytes::from(bytes)
            });
            Change::Append(payloads.collect())
        }
        11..=12 => Change::Truncate(
            next.saturating_sub(1 + random.below(4))
                .max(model.purged.unwrap_or(0)),
        ),
        13..=15 => {
            let ahead = if random.one_in(8) {
                next + random.below(5)
            } else {
                next.saturating_sub(1 + random.below(3))
            };
            Change::Purge(ahead.max(model.purged.unwrap_or(0)).max(1))
        }
        _ => Change::Vote(stamp),
    }
}

fn submit(log: &mut Log, group: u32, model: &Model, change: &Change) -> bool {
    let result = match change {
        Change::Append(payloads) => {
            let entries = payloads
                .iter()
                .zip(model.next()..)
                .map(|(payload, index)| Entry {
                    index,
                    header: header(index),
                    payload: payload.clone(),
                });
            log.append(group, entries.collect())
        }
        Change::Truncate(last_kept) => log.truncate_after(group, Some(*last_kept)),
        Change::Purge(upto) => log.purge(group, *upto, header(*upto)),
        Change::Vote(vote) => log.save(group, VOTE, Bytes::copy_from_slice(&vote.to_le_bytes())),
    };
    result.is_ok()
}

/// What a log says it holds, read back entry by entry.
fn held(log: &Log, recovered: &Recovered) -> Result<Models, String> {
    let mut models = Models::new();
    for (group, state) in &recovered.groups {
        let entries = log
            .read(*group, 0..u64::MAX, usize::MAX)
            .map_err(|e| e.to_string())?;
        if state.last.map(|l| l.index) != entries.last().map(|e| e.index) {
            return Err(format!("group {group}: last differs from what is read"));
        }
        if entries.iter().any(|e| e.header != header(e.index)) {
            return Err(format!("group {group}: a header is wrong"));
        }
        let vote = state.values.get(&VOTE).map_or(0, |v| {
            u64::from_le_bytes(v[..].try_into().expect("a vote has 8 bytes"))
        });
        let entries = entries.into_iter().map(|e| (e.index, e.payload)).collect();
        models.insert(
            *group,
            Model {
                entries,
                purged: state.purged.map(|p| p.index),
                vote,
            },
        );
    }
    models.retain(|_, model| *model != Model::default());
    Ok(models)
}

fn options(fault: Fault) -> Options {
    Options {
        segment_bytes: 4 << 10,
        ring_bytes_max: 500,
        rewrite_bytes_max: 2_000,
        salt: 77,
        fault,
        ..Options::default()
    }
}

/// One life of a disk: several runs of a log, each ended by a crash. Returns how it broke its promise, if it did.
fn live(seed: u64, fault: Fault) -> Result<u64, String> {
    let mut random = Random::new(seed);
    let disk = SimDisk::new(seed ^ 0xD15C);
    let mut durable = Models::new();
    let mut stamp = 1;
    let mut freed = 0;
    for run in 0..6 {
        let opened = Log::open(Arc::new(disk.clone()), options(fault));
        let (mut log, recovered) = opened.map_err(|e| format!("run {run}: {e}"))?;
        if run > 0 {
            check_first(&log, &recovered, &durable)?;
        }
        // What was found is durable now, whatever was reported before.
        durable = held(&log, &recovered)?;
        let mut history = vec![durable.clone()];
        freed += run_until_crash(&mut log, &mut random, &disk, &mut history, &mut stamp);
        disk.crash();
        let (log, recovered) = Log::open(Arc::new(disk.clone()), options(fault))
            .map_err(|e| format!("after run {run}: {e}"))?;
        let found = held(&log, &recovered)?;
        if !history.contains(&found) {
            return Err(format!(
                "seed {seed}, run {run}: found {found:?}, promised {:?}",
                history.first()
            ));
        }
        durable = found;
        // A crash right after recovery, which has written to repair the end.
        if random.one_in(3) {
            disk.crash();
        }
    }
    Ok(freed)
}

fn check_first(log: &Log, recovered: &Recovered, durable: &Models) -> Result<(), String> {
    let found = held(log, recovered)?;
    if found == *durable {
        Ok(())
    } else {
        Err("recovering twice gave two answers".to_owned())
    }
}

/// `history` ends up with every state that may be found: the one last reported durable, and each after it.
fn run_until_crash(
    log: &mut Log,
    random: &mut Random,
    disk: &SimDisk,
    history: &mut Vec<Models>,
    stamp: &mut u64,
) -> u64 {
    if random.one_in(2) {
        disk.cut_power_after(random.below(60));
    } else if random.one_in(4) {
        disk.fail(Failure::Sync);
    } else if random.one_in(8) {
        disk.fail(Failure::Write);
    }
    let mut models = history[0].clone();
    for _ in 0..random.below(60) {
        let group = random.below(GROUPS) as u32;
        *stamp += 1;
        let model = models.entry(group).or_default();
        let change = choose(random, model, *stamp);
        if !submit(log, group, model, &change) {
            break;
        }
        // A crash may keep the first entries of an append.
        for step in steps(change) {
            apply(models.entry(group).or_default(), &step);
            let mut state = models.clone();
            state.retain(|_, model| *model != Model::default());
            history.push(state);
        }
        if random.one_in(3) {
            match log.commit() {
                Ok(_) => drop(history.drain(..history.len() - 1)),
                Err(_) => break,
            }
        }
        if random.one_in(5) {
            log.upkeep();
        }
    }
    log.stats()
        .segments_freed
        .load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
fn what_was_reported_durable_survives_every_crash() {
    let mut freed = 0;
    for seed in 0..2_000 {
        match live(seed, Fault::None) {
            Ok(segments) => freed += segments,
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    assert!(
        freed > 2_000,
        "segments are reused on the way, {freed} were"
    );
}

#[test]
fn acknowledging_before_the_sync_is_noticed() {
    let broken = (0..200)
        .filter(|seed| live(*seed, Fault::AcknowledgeBeforeSync).is_err())
        .count();
    assert!(broken > 100, "{broken} of 200 seeds noticed");
}

#[test]
fn an_error_of_the_disk_while_opening_is_an_error() {
    for operations in 0..8 {
        let disk = SimDisk::new(1);
        disk.cut_power_after(operations);
        match Log::open(Arc::new(disk), options(Fault::None)) {
            Ok(_) | Err(OpenError::Io { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}
