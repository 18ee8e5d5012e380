//! The log behind its thread, on a real directory and on the simulated disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use bytes::Bytes;
use quorate_wal::sim_disk::{Failure, SimDisk};
use quorate_wal::{Done, Entry, FsDisk, Options, Wal, WalError};

const HEADER: [u8; 24] = [4; 24];

fn options() -> Options {
    Options {
        segment_bytes: 32 << 10,
        ring_bytes_max: 4 << 10,
        queue_bytes_max: 8 << 10,
        ..Options::default()
    }
}

fn entry(index: u64, size: usize) -> Entry {
    Entry {
        index,
        header: HEADER,
        payload: Bytes::from(vec![index as u8; size]),
    }
}

fn answer() -> (Done, Receiver<Result<(), WalError>>) {
    let (tell, told) = channel();
    (
        Box::new(move |result| tell.send(result).expect("somebody listens")),
        told,
    )
}

#[test]
fn many_groups_write_and_read_while_segments_are_reused() {
    let directory = tempfile::tempdir().unwrap();
    let disk =
        || Arc::new(FsDisk::open(directory.path().join("wal")).expect("the directory is ours"));
    let (wal, _) = Wal::open(disk(), options()).unwrap();
    thread::scope(|scope| {
        for group in 0..4 {
            let wal = wal.clone();
            scope.spawn(move || write_and_read(&wal, group));
        }
    });
    assert!(wal.stats().segments_freed.load(Ordering::Relaxed) > 0);
    let commits = wal.stats().commits.load(Ordering::Relaxed);
    assert_eq!(
        wal.stats().commit_micros.counts().iter().sum::<u64>(),
        commits
    );
    drop(wal);
    let (wal, recovered) = Wal::open(disk(), options()).unwrap();
    for group in 0..4 {
        assert_eq!(recovered.groups[&group].last.map(|l| l.index), Some(600));
        assert_eq!(recovered.groups[&group].values[&1], "600");
        assert_eq!(
            wal.read(group, 0..1000, usize::MAX).unwrap().last(),
            Some(&entry(600, 200))
        );
    }
}

fn write_and_read(wal: &Wal, group: u32) {
    for batch in 0..60u64 {
        let first = batch * 10 + 1;
        let (done, told) = answer();
        wal.append(
            group,
            (first..first + 10).map(|i| entry(i, 200)).collect(),
            done,
        );
        let read = wal
            .read(group, first..first + 10, usize::MAX)
            .expect("it is readable at once");
        assert_eq!(read.len(), 10);
        let older = wal
            .read(group, first.saturating_sub(25)..first, usize::MAX)
            .expect("older ones too");
        assert!(older.iter().all(|e| *e == entry(e.index, 200)));
        told.recv().expect("told once").expect("the disk works");
        wal.save(
            group,
            1,
            Bytes::from((first + 9).to_string()),
            Box::new(|_| ()),
        );
        if batch % 5 == 4 {
            wal.purge(group, first - 20, HEADER).expect("it fits");
        }
    }
}

#[test]
fn callbacks_come_in_order_and_once() {
    let (wal, _) = Wal::open(Arc::new(SimDisk::new(3)), options()).unwrap();
    let (tell, told) = channel();
    for index in 1..=300 {
        let tell = tell.clone();
        wal.append(
            1,
            vec![entry(index, 50)],
            Box::new(move |r| tell.send((index, r.is_ok())).unwrap()),
        );
    }
    drop(tell);
    wal.close();
    let answers: Vec<_> = told.iter().collect();
    assert_eq!(
        answers,
        (1..=300).map(|index| (index, true)).collect::<Vec<_>>()
    );
    let (done, refused) = answer();
    wal.append(1, vec![entry(301, 1)], done);
    assert!(matches!(refused.recv(), Ok(Err(WalError::Closed))));
}

#[test]
fn a_failed_sync_fails_everything_from_then_on() {
    let disk = SimDisk::new(3);
    let (wal, _) = Wal::open(Arc::new(disk.clone()), options()).unwrap();
    let (done, told) = answer();
    wal.append(1, vec![entry(1, 50)], done);
    assert!(matches!(told.recv(), Ok(Ok(()))));
    // Whatever is written next fails: a spare segment that is being prepared must not use it up.
    for _ in 0..64 {
        disk.fail(Failure::Write);
    }
    let mut failed = Vec::new();
    for index in 2..=5 {
        let (done, told) = answer();
        wal.append(1, vec![entry(index, 50)], done);
        failed.push(told);
    }
    for told in failed {
        assert!(matches!(told.recv(), Ok(Err(WalError::Stopped { .. }))));
    }
    assert!(!wal.has_room());
    assert!(matches!(
        wal.purge(1, 1, HEADER),
        Err(WalError::Stopped { .. })
    ));
}

#[test]
fn a_full_disk_refuses_without_stopping() {
    let disk = SimDisk::new(3);
    disk.set_capacity(Some(64 << 10));
    let (wal, _) = Wal::open(Arc::new(disk), options()).unwrap();
    let mut index = 0;
    loop {
        let (done, told) = answer();
        wal.append(1, vec![entry(index + 1, 1000)], done);
        match told.recv().unwrap() {
            Ok(()) => index += 1,
            Err(WalError::NoSpace) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(index > 40 && !wal.has_room());
    let (done, told) = answer();
    wal.save(1, 1, Bytes::from_static(b"vote"), done);
    assert!(told.recv().unwrap().is_ok());
    wal.purge(1, index, HEADER).unwrap();
    // Freeing takes two commits; the saves make sure they are over.
    for _ in 0..3 {
        let (done, told) = answer();
        wal.save(1, 1, Bytes::from_static(b"vote"), done);
        assert!(told.recv().unwrap().is_ok());
    }
    let (done, told) = answer();
    wal.append(1, vec![entry(index + 1, 1000)], done);
    assert!(told.recv().unwrap().is_ok());
}

#[test]
fn the_last_handle_may_be_dropped_by_a_callback() {
    let (wal, _) = Wal::open(Arc::new(SimDisk::new(3)), options()).unwrap();
    let (tell, told) = channel();
    let (handle, dropped) = (wal.clone(), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&dropped);
    let append = wal.clone();
    drop(wal);
    let done: Done = Box::new(move |_| {
        drop(handle);
        flag.store(true, Ordering::SeqCst);
        tell.send(()).unwrap();
    });
    append.append(1, vec![entry(1, 1)], done);
    drop(append);
    told.recv().unwrap();
    assert!(dropped.load(Ordering::SeqCst));
}
