//! The log without its thread: torn tails, damage, reuse of segments, failing and full disks.

use std::sync::Arc;

use bytes::Bytes;
use quorate_wal::sim_disk::{Failure, SimDisk};
use quorate_wal::{Disk, Entry, Log, OpenError, Options, ReadError, Recovered, WalError};

const HEADER: [u8; 24] = [9; 24];

fn small() -> Options {
    Options {
        segment_bytes: 4 << 10,
        ring_bytes_max: 0,
        rewrite_bytes_max: 1 << 10,
        ..Options::default()
    }
}

fn open(disk: &SimDisk) -> (Log, Recovered) {
    Log::open(Arc::new(disk.clone()), small()).expect("the log opens")
}

fn entry(index: u64, size: usize) -> Entry {
    Entry {
        index,
        header: HEADER,
        payload: Bytes::from(vec![index as u8; size]),
    }
}

fn append(log: &mut Log, group: u32, indexes: std::ops::RangeInclusive<u64>, size: usize) {
    for index in indexes {
        log.append(group, vec![entry(index, size)])
            .expect("it fits");
        log.commit().expect("the disk works");
    }
}

fn indexes(log: &Log, group: u32) -> Vec<u64> {
    let entries = log
        .read(group, 0..u64::MAX, usize::MAX)
        .expect("it can be read");
    entries.iter().map(|e| e.index).collect()
}

/// The segments in use, by what is on the disk: name and bytes.
fn files(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let mut names = disk.list().expect("the disk works");
    names.sort();
    names
        .into_iter()
        .map(|name| (name.clone(), disk.contents(&name)))
        .collect()
}

fn copy(files: &[(String, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    for (name, bytes) in files {
        disk.set_contents(name, bytes.clone());
    }
    disk
}

/// Where records of the only segment in use begin, by looking for their sequence numbers.
fn end_of_records(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|b| *b != 0)
        .expect("there are records")
        + 1
}

#[test]
fn a_tail_torn_at_any_byte_is_dropped_and_everything_before_it_is_kept() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=3, 30);
    let before = end_of_records(&files(&disk)[0].1);
    log.append(1, vec![entry(4, 50), entry(5, 60)]).unwrap();
    log.commit().unwrap();
    let files = files(&disk);
    let whole = &files[0].1;
    let end = end_of_records(whole);
    for cut in before..end {
        let mut torn = files.clone();
        torn[0].1[cut..].fill(0);
        let disk = copy(&torn);
        let (mut log, recovered) = open(&disk);
        let kept = indexes(&log, 1);
        assert!(
            kept == [1, 2, 3] || kept == [1, 2, 3, 4],
            "cut at {cut}: {kept:?}"
        );
        let next = kept.len() as u64 + 1;
        assert_eq!(recovered.groups[&1].last.map(|l| l.index), Some(next - 1));
        append(&mut log, 1, next..=8, 20);
        disk.crash();
        assert_eq!(
            indexes(&open(&disk).0, 1),
            (1..=8).collect::<Vec<_>>(),
            "cut at {cut}"
        );
    }
}

#[test]
fn the_rest_of_a_torn_batch_never_follows_new_records() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=1, 30);
    let before = end_of_records(&files(&disk)[0].1).next_multiple_of(8);
    log.append(1, (2..=6).map(|i| entry(i, 30)).collect())
        .unwrap();
    log.commit().unwrap();
    let mut torn = files(&disk);
    // The first record of the batch is lost, the rest is there.
    torn[0].1[before..before + 96].fill(0);
    let disk = copy(&torn);
    let (mut log, recovered) = open(&disk);
    assert_eq!(recovered.torn.map(|t| t.offset), Some(before as u64));
    assert_eq!(indexes(&log, 1), [1]);
    // The same length again: the record ends where the next stale one begins.
    append(&mut log, 1, 2..=2, 30);
    assert_eq!(indexes(&open(&disk).0, 1), [1, 2]);
}

#[test]
fn damage_below_what_was_durable_is_refused_with_file_and_offset() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=5, 30);
    disk.damage("00000000.wal", 512 + 96 * 2 + 50);
    match Log::open(Arc::new(disk), small()) {
        Err(OpenError::Damaged { file, offset, .. }) => {
            assert_eq!((file.as_str(), offset), ("00000000.wal", 512 + 96 * 2))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn damage_in_an_older_segment_is_refused_with_file_and_offset() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=30, 200);
    assert!(log.segments_used() >= 2);
    for offset in [0, 20, 512, 600, 512 + 264 * 9] {
        let disk = copy(&files(&disk));
        disk.damage("00000000.wal", offset);
        match Log::open(Arc::new(disk), small()) {
            Err(OpenError::Damaged {
                file,
                offset: found,
                ..
            }) => {
                assert_eq!(file, "00000000.wal");
                assert!(
                    found <= offset && offset < found + 512,
                    "{found} for {offset}"
                );
            }
            Err(OpenError::Missing { generation: 1 }) if offset < 512 => {}
            other => panic!("offset {offset}: {other:?}"),
        }
    }
}

#[test]
fn a_damaged_head_of_the_newest_segment_is_refused() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=20, 200);
    assert_eq!(log.segments_used(), 2);
    disk.damage("00000001.wal", 9);
    let refused = Log::open(Arc::new(disk), small());
    assert!(
        matches!(&refused, Err(OpenError::Damaged { file, offset: 0, .. }) if file == "00000001.wal"),
        "{refused:?}"
    );
}

#[test]
fn a_missing_segment_is_refused() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=40, 200);
    assert!(log.segments_used() >= 3);
    disk.remove("00000001.wal").unwrap();
    let refused = Log::open(Arc::new(disk), small());
    assert!(
        matches!(refused, Err(OpenError::Missing { generation: 2 })),
        "{refused:?}"
    );
}

#[test]
fn a_newer_format_is_refused() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=1, 10);
    let mut bytes = disk.contents("00000000.wal");
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..40]);
    bytes[40..44].copy_from_slice(&checksum.to_le_bytes());
    disk.set_contents("00000000.wal", bytes);
    let refused = Log::open(Arc::new(disk), small());
    assert!(
        matches!(
            refused,
            Err(OpenError::NewerFormat {
                found: 2,
                known: 1,
                ..
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn reused_segments_never_show_what_they_held_before() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    let mut next = 1;
    for round in 0..40 {
        append(&mut log, 1, next..=next + 9, 150);
        next += 10;
        log.purge(1, next - 2, HEADER).unwrap();
        log.commit().unwrap();
        log.commit().unwrap();
        log.upkeep();
        let (reopened, _) = open(&copy(&files(&disk)));
        assert_eq!(indexes(&reopened, 1), [next - 1], "round {round}");
        assert_eq!(reopened.purged(1).map(|p| p.index), Some(next - 2));
    }
    let stats = log.stats();
    assert!(
        stats
            .segments_freed
            .load(std::sync::atomic::Ordering::Relaxed)
            > 10
    );
    assert!(files(&disk).len() <= 4, "segments are reused, not added");
}

#[test]
fn a_slow_group_does_not_keep_old_segments() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=2, 40);
    log.save(1, 5, Bytes::from_static(b"vote")).unwrap();
    append(&mut log, 2, 1..=200, 200);
    log.purge(2, 199, HEADER).unwrap();
    log.commit().unwrap();
    log.commit().unwrap();
    assert!(log.segments_used() <= 2, "{}", log.segments_used());
    assert_eq!(indexes(&log, 1), [1, 2]);
    disk.crash();
    let (log, recovered) = open(&disk);
    assert_eq!(indexes(&log, 1), [1, 2]);
    assert_eq!(indexes(&log, 2), [200]);
    assert_eq!(recovered.groups[&1].values[&5], "vote");
}

#[test]
fn a_group_that_keeps_much_in_an_old_segment_is_named() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 7, 1..=6, 300);
    append(&mut log, 2, 1..=40, 200);
    log.purge(2, 40, HEADER).unwrap();
    log.commit().unwrap();
    assert_eq!(log.pinned_by().first().map(|(group, _)| *group), Some(7));
    assert_eq!(log.log_bytes(7), 6 * 368);
    log.purge(7, 6, HEADER).unwrap();
    log.commit().unwrap();
    log.commit().unwrap();
    assert!(log.pinned_by().is_empty());
    assert_eq!(log.segments_used(), 1);
}

#[test]
fn the_first_failed_sync_stops_the_log_for_good() {
    for failure in [Failure::Sync, Failure::Write] {
        let disk = SimDisk::new(1);
        let (mut log, _) = open(&disk);
        append(&mut log, 1, 1..=3, 30);
        log.append(1, vec![entry(4, 30)]).unwrap();
        disk.fail(failure);
        assert!(matches!(log.commit(), Err(WalError::Stopped { .. })));
        // The disk works again, the log does not.
        assert!(matches!(log.commit(), Err(WalError::Stopped { .. })));
        assert!(matches!(
            log.append(1, vec![entry(5, 1)]),
            Err(WalError::Stopped { .. })
        ));
        assert!(matches!(
            log.save(1, 1, Bytes::new()),
            Err(WalError::Stopped { .. })
        ));
        assert!(matches!(
            log.purge(1, 1, HEADER),
            Err(WalError::Stopped { .. })
        ));
        assert!(!log.has_room());
        disk.crash();
        let kept = indexes(&open(&disk).0, 1);
        assert!(kept == [1, 2, 3] || kept == [1, 2, 3, 4], "{kept:?}");
    }
}

#[test]
fn a_full_disk_refuses_entries_and_takes_them_again_when_there_is_room() {
    let disk = SimDisk::new(1);
    disk.set_capacity(Some(3 * (4 << 10)));
    let (mut log, _) = open(&disk);
    let mut next = 1;
    let refused = loop {
        match log.append(1, vec![entry(next, 100)]) {
            Ok(_) => next += 1,
            Err(error) => break error,
        }
        log.commit().unwrap();
    };
    assert!(matches!(refused, WalError::NoSpace));
    assert!(!log.has_room());
    assert!(next > 60);
    // What frees space still fits, and nothing was lost.
    log.save(1, 1, Bytes::from_static(b"vote")).unwrap();
    assert_eq!(indexes(&log, 1).len() as u64, next - 1);
    log.purge(1, next - 1, HEADER).unwrap();
    log.commit().unwrap();
    log.commit().unwrap();
    assert!(log.has_room());
    append(&mut log, 1, next..=next + 20, 100);
    disk.crash();
    let (log, recovered) = open(&disk);
    assert_eq!(indexes(&log, 1), (next..=next + 20).collect::<Vec<_>>());
    assert_eq!(recovered.groups[&1].values[&1], "vote");
}

#[test]
fn a_full_disk_is_noticed_before_it_matters() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=2, 100);
    disk.set_capacity(Some(disk.used_bytes()));
    log.upkeep();
    assert!(!log.has_room() || log.room() >= 2 << 10);
    while log.has_room() {
        let next = log.last(1).map_or(1, |l| l.index + 1);
        append(&mut log, 1, next..=next, 100);
        log.upkeep();
    }
    assert!(log.room() > 500, "{} bytes are left", log.room());
    disk.set_capacity(None);
    log.upkeep();
    assert!(log.has_room());
}

#[test]
fn entries_must_be_consecutive_and_small_enough() {
    let (mut log, _) = open(&SimDisk::new(1));
    append(&mut log, 1, 5..=6, 10);
    let gap = log.append(1, vec![entry(8, 1)]);
    assert!(matches!(
        gap,
        Err(WalError::NotConsecutive {
            group: 1,
            expected: 7,
            found: 8
        })
    ));
    let inner_gap = log.append(1, vec![entry(7, 1), entry(9, 1)]);
    assert!(matches!(
        inner_gap,
        Err(WalError::NotConsecutive {
            expected: 8,
            found: 9,
            ..
        })
    ));
    let large = log.append(1, vec![entry(7, 4 << 10)]);
    assert!(matches!(large, Err(WalError::TooLarge { .. })));
    assert!(matches!(
        log.save(1, 1, Bytes::from(vec![0; 2000])),
        Err(WalError::TooLarge { .. })
    ));
    let largest = log.payload_bytes_max();
    append(&mut log, 1, 7..=7, largest);
    assert_eq!(indexes(&log, 1), [5, 6, 7]);
    log.purge(1, 20, HEADER).unwrap();
    assert!(matches!(
        log.append(1, vec![entry(8, 1)]),
        Err(WalError::NotConsecutive { expected: 21, .. })
    ));
    append(&mut log, 1, 21..=22, 1);
    log.truncate_after(1, None).unwrap();
    assert_eq!(log.last(1), None);
    assert_eq!(log.purged(1).map(|p| p.index), Some(20));
}

#[test]
fn reads_see_what_is_not_yet_written_and_stop_at_their_bound() {
    let (mut log, _) = open(&SimDisk::new(1));
    log.append(1, (1..=9).map(|i| entry(i, 100)).collect())
        .unwrap();
    assert_eq!(indexes(&log, 1).len(), 9);
    let some = log.read(1, 3..9, 250).unwrap();
    assert_eq!(some.iter().map(|e| e.index).collect::<Vec<_>>(), [3, 4]);
    log.commit().unwrap();
    assert_eq!(log.read(1, 3..9, 1).unwrap(), [entry(3, 100)]);
    assert_eq!(
        log.read(1, 2..4, usize::MAX).unwrap(),
        [entry(2, 100), entry(3, 100)]
    );
    assert_eq!(log.read(2, 0..9, 1).unwrap(), []);
    assert_eq!(log.point(1, 4).map(|p| p.header), Some(HEADER));
}

#[test]
fn a_record_damaged_while_the_log_is_open_is_reported_when_it_is_read() {
    let disk = SimDisk::new(1);
    let (mut log, _) = open(&disk);
    append(&mut log, 1, 1..=3, 30);
    disk.damage("00000000.wal", 512 + 96 + 70);
    assert_eq!(log.read(1, 1..2, 100).unwrap().len(), 1);
    let read = log.read(1, 1..4, 1000);
    assert!(
        matches!(&read, Err(ReadError::Damaged { group: 1, index: 2, offset, .. }) if *offset == 512 + 96),
        "{read:?}"
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        Options {
            segment_bytes: 100,
            ..small()
        },
        Options {
            spare_segments_max: 0,
            ..small()
        },
    ] {
        assert!(matches!(
            Log::open(Arc::new(SimDisk::new(1)), options),
            Err(OpenError::Options { .. })
        ));
    }
}
