//! The disk's own latency in the same run: small writes with fdatasync beside the load, few enough not to
//! be a load themselves.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::bench::histogram::Histogram;
use crate::bench::run::median_and_99th;
use crate::wait;

/// Between two writes.
const STEP: Duration = Duration::from_millis(40);
/// As large as a small batch in the log.
const WRITE_BYTES: usize = 4096;

/// A thread that measures.
#[derive(Debug)]
pub(super) struct DiskProbe {
    thread: JoinHandle<Result<Histogram>>,
    over: Arc<AtomicBool>,
}

impl DiskProbe {
    /// Begins in a file of that directory.
    pub(super) fn start(directory: &Path) -> Result<Self> {
        let file = File::create(directory.join("disk-probe"))?;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || measure(file, &seen));
        Ok(Self { thread, over })
    }

    /// Ends; median and 99th percentile in milliseconds.
    pub(super) fn stop(self) -> Result<(f64, f64)> {
        self.over.store(true, Ordering::SeqCst);
        let histogram = self.thread.join().ok().context("the probe panicked")??;
        Ok(median_and_99th(&histogram))
    }
}

fn measure(mut file: File, over: &AtomicBool) -> Result<Histogram> {
    // Written once beforehand, as the log's segments are: what is measured later allocates nothing.
    let block = [0; WRITE_BYTES];
    let blocks = 4096;
    (0..blocks).try_for_each(|_| file.write_all(&block))?;
    file.sync_all()?;
    let mut histogram = Histogram::new();
    for at in (0..blocks).cycle() {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let began = Instant::now();
        std::os::unix::fs::FileExt::write_all_at(
            &file,
            &[1; WRITE_BYTES],
            at * WRITE_BYTES as u64,
        )?;
        file.sync_data()?;
        histogram.note(began.elapsed().as_nanos() as u64);
        wait::pass(STEP);
    }
    Ok(histogram)
}
