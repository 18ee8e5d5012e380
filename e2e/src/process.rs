//! What the kernel says about a process.

use std::fs;
use std::process::{Child, ExitStatus};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait;

/// Resident memory in bytes.
///
/// # Errors
/// When there is no such process.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib.context("no VmRSS")?.parse()?;
    Ok(kib * 1024)
}

/// CPU time of all threads in nanoseconds, from the scheduler's own statistics.
///
/// # Errors
/// When there is no such process.
pub fn cpu_nanoseconds(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let statistics = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let on_cpu = statistics.split_whitespace().next();
        sum += on_cpu.map_or(Ok(0), str::parse::<u64>)?;
    }
    Ok(sum)
}

/// Sends SIGTERM.
///
/// # Errors
/// When the process is gone.
pub fn terminate(child: &Child) -> Result<()> {
    let pid = Pid::from_raw(child.id() as i32).context("no pid")?;
    kill_process(pid, Signal::TERM).context("SIGTERM")
}

/// Waits for the end of a process; after the usual patience it is killed.
///
/// # Errors
/// When it had to be killed.
pub fn end(child: &mut Child) -> Result<ExitStatus> {
    let ended = wait::until("the end of a process", wait::PATIENCE, || {
        child.try_wait().transpose()
    });
    match ended {
        Ok(status) => Ok(status?),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error)
        }
    }
}
