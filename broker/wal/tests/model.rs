//! The log against a naive model: any sequence of changes, reads, commits and reopenings gives the same answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_wal::{Entry, GroupState, Log, LogPoint, Options, SimDisk};

const GROUPS: u32 = 3;

#[derive(Clone, Debug)]
enum Step {
    Append(u32, Vec<u8>),
    Truncate(u32, u64),
    Purge(u32, u64),
    Save(u32, u8, u8),
    Read(u32, u64, u64, usize),
    Commit,
    Upkeep,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..GROUPS;
    prop_oneof![
        8 => (group.clone(), prop::collection::vec(any::<u8>(), 0..5)).prop_map(|(g, sizes)| Step::Append(g, sizes)),
        2 => (group.clone(), 0u64..12).prop_map(|(g, back)| Step::Truncate(g, back)),
        3 => (group.clone(), 0u64..9).prop_map(|(g, ahead)| Step::Purge(g, ahead)),
        2 => (group.clone(), 0u8..3, any::<u8>()).prop_map(|(g, key, value)| Step::Save(g, key, value)),
        4 => (group, 0u64..80, 0u64..20, 0usize..2000).prop_map(|(g, from, n, max)| Step::Read(g, from, n, max)),
        3 => Just(Step::Commit),
        1 => Just(Step::Upkeep),
        1 => Just(Step::Reopen),
    ]
}

/// One group, as simply as it can be said.
#[derive(Clone, Debug, Default)]
struct Model {
    entries: Vec<Entry>,
    purged: Option<LogPoint>,
    values: BTreeMap<u8, Bytes>,
}

impl Model {
    fn next(&self) -> u64 {
        let after_last = self.entries.last().map(|e| e.index + 1);
        after_last
            .or_else(|| self.purged.map(|p| p.index + 1))
            .unwrap_or(1)
    }

    fn state(&self) -> GroupState {
        GroupState {
            first: self.entries.first().map(|e| e.index),
            last: self.entries.last().map(|e| LogPoint {
                index: e.index,
                header: e.header,
            }),
            purged: self.purged,
            values: self.values.clone(),
        }
    }
}

fn options() -> Options {
    Options {
        segment_bytes: 4 << 10,
        ring_bytes_max: 600,
        rewrite_bytes_max: 1 << 10,
        ..Options::default()
    }
}

fn run(steps: Vec<Step>) {
    let disk = SimDisk::new(0);
    let (mut log, _) = Log::open(Arc::new(disk.clone()), options()).expect("an empty disk opens");
    let mut models = vec![Model::default(); GROUPS as usize];
    for (stamp, step) in steps.into_iter().enumerate() {
        match step {
            Step::Commit => drop(log.commit().expect("the disk works")),
            Step::Upkeep => log.upkeep(),
            Step::Reopen => {
                log.commit().expect("the disk works");
                drop(log);
                let (reopened, recovered) =
                    Log::open(Arc::new(disk.clone()), options()).expect("it was closed well");
                let states =
                    (0..GROUPS).map(|g| recovered.groups.get(&g).cloned().unwrap_or_default());
                assert!(states.eq(models.iter().map(Model::state)));
                assert_eq!(recovered.torn, None);
                log = reopened;
            }
            Step::Read(group, from, count, bytes_max) => {
                check_read(
                    &log,
                    group,
                    &models[group as usize],
                    from..from + count,
                    bytes_max,
                );
            }
            change @ (Step::Append(..) | Step::Truncate(..) | Step::Purge(..) | Step::Save(..)) => {
                apply(&mut log, &mut models, change, stamp as u8);
            }
        }
    }
    for (group, model) in models.iter().enumerate() {
        check_read(&log, group as u32, model, 0..u64::MAX, usize::MAX);
    }
}

fn apply(log: &mut Log, models: &mut [Model], change: Step, stamp: u8) {
    match change {
        Step::Append(group, sizes) => {
            let model = &mut models[group as usize];
            let entries: Vec<Entry> = (model.next()..)
                .zip(sizes)
                .map(|(index, size)| Entry {
                    index,
                    header: [stamp; 24],
                    payload: Bytes::from(vec![stamp; size.into()]),
                })
                .collect();
            log.append(group, entries.clone()).expect("it fits");
            model.entries.extend(entries);
        }
        Step::Truncate(group, back) => {
            let model = &mut models[group as usize];
            let last_kept = model.next().saturating_sub(1 + back);
            log.truncate_after(group, Some(last_kept)).expect("it fits");
            model.entries.retain(|e| e.index <= last_kept);
        }
        Step::Purge(group, ahead) => {
            let model = &mut models[group as usize];
            let index = (model.next() + ahead).saturating_sub(7);
            log.purge(group, index, [stamp; 24]).expect("it fits");
            if model.purged.is_none_or(|before| before.index < index) {
                model.purged = Some(LogPoint {
                    index,
                    header: [stamp; 24],
                });
                model.entries.retain(|e| e.index > index);
            }
        }
        Step::Save(group, key, value) => {
            let value = Bytes::from(vec![value; 9]);
            log.save(group, key, value.clone()).expect("it fits");
            models[group as usize].values.insert(key, value);
        }
        Step::Read(..) | Step::Commit | Step::Upkeep | Step::Reopen => {}
    }
}

fn check_read(log: &Log, group: u32, model: &Model, range: std::ops::Range<u64>, bytes_max: usize) {
    let read = log
        .read(group, range.clone(), bytes_max)
        .expect("it can be read");
    let expected: Vec<&Entry> = model
        .entries
        .iter()
        .filter(|e| range.contains(&e.index))
        .collect();
    assert!(read.iter().eq(expected.iter().copied().take(read.len())));
    let bytes: usize = read.iter().map(|e| e.payload.len()).sum();
    assert!(
        bytes <= bytes_max || read.len() == 1,
        "no more than asked for"
    );
    assert_eq!(read.is_empty(), expected.is_empty());
    assert_eq!(
        log.last(group).map(|l| l.index),
        model.entries.last().map(|e| e.index)
    );
    assert_eq!(log.purged(group), model.purged);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn the_log_answers_as_the_model(steps in prop::collection::vec(step(), 0..250)) {
        run(steps);
    }
}
