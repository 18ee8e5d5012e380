//! A disk in memory that forgets at a crash what was not synced, fails when told to, and is full when told to. All it
//! does follows from its seed and the calls made; no clock, no threads.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile};

mod platter;
mod random;

use platter::Platter;
pub use random::Random;

/// What a disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: usize = 512;

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: Random,
    platter: Platter,
    /// Counts crashes: files opened before one are of no use after it.
    life: u64,
    /// Bytes all files together may have.
    capacity: Option<u64>,
    /// Operations that still succeed before the machine is off.
    power_for: Option<u64>,
    failing: VecDeque<Failure>,
    operations: u64,
}

/// An operation that is to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The next write of a file.
    Write,
    /// The next sync of a file; what it should have synced may or may not be there.
    Sync,
    /// The next read of a file.
    Read,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        let state = State {
            random: Random::new(seed),
            platter: Platter::default(),
            life: 0,
            capacity: None,
            power_for: None,
            failing: VecDeque::new(),
            operations: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The power goes: each write since the last sync of its file is kept, lost or torn, in any order, and so is the
    /// end of what was done to the directory. Open files are dead; failures and the power limit are forgotten.
    pub fn crash(&self) {
        let state = &mut *self.lock();
        state.platter.crash(&mut state.random);
        state.life += 1;
        state.power_for = None;
        state.failing.clear();
    }

    /// The power goes after that many operations: all later ones fail until [`SimDisk::crash`].
    pub fn cut_power_after(&self, operations: u64) {
        self.lock().power_for = Some(operations);
    }

    /// The next operation of that kind fails.
    pub fn fail(&self, failure: Failure) {
        self.lock().failing.push_back(failure);
    }

    /// Limits the bytes of all files together; `None` is unlimited.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Operations done so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Bytes of all files together.
    pub fn used_bytes(&self) -> u64 {
        self.lock().platter.used_bytes()
    }

    /// Changes a byte on the disk itself, as a failing disk does.
    ///
    /// # Panics
    /// When there is no such file or it is shorter.
    pub fn damage(&self, name: &str, offset: u64) {
        let state = &mut *self.lock();
        state.platter.damage(name, offset as usize);
    }

    /// The bytes of a file, synced or not; empty when there is none.
    pub fn contents(&self, name: &str) -> Vec<u8> {
        self.lock().platter.contents(name)
    }

    /// Replaces the bytes of a file, as if synced.
    pub fn set_contents(&self, name: &str, bytes: Vec<u8>) {
        self.lock().platter.set_contents(name, bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, id: u64, life: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimFile {
            disk: self.clone(),
            id,
            life,
        })
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new(0)
    }
}

impl State {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.power_for {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn operate_file(&mut self, life: u64) -> io::Result<()> {
        if self.life != life {
            return Err(io::Error::other(
                "the machine has crashed since the file was opened",
            ));
        }
        self.operate()
    }

    fn fails(&mut self, failure: Failure) -> io::Result<()> {
        match self.failing.iter().position(|f| *f == failure) {
            Some(at) => {
                self.failing.remove(at);
                Err(io::Error::other("a failure was asked for"))
            }
            None => Ok(()),
        }
    }

    fn has_capacity(&self, growth: u64) -> io::Result<()> {
        let full = self
            .capacity
            .is_some_and(|max| growth > 0 && self.platter.used_bytes() + growth > max);
        if full {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        state.operate()?;
        let id = state.platter.create(name);
        Ok(self.file(id, state.life))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        state.operate()?;
        let id = state.platter.find(name)?;
        Ok(self.file(id, state.life))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.operate()?;
        Ok(state.platter.names())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        state.platter.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        state.platter.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.operate()?;
        state.platter.sync_dir();
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: u64,
    life: u64,
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.operate_file(self.life)?;
        state.fails(Failure::Write)?;
        let end = offset + bytes.len() as u64;
        let growth = end.saturating_sub(state.platter.size(self.id));
        state.has_capacity(growth)?;
        state.platter.write(self.id, offset as usize, bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.operate_file(self.life)?;
        state.fails(Failure::Read)?;
        state.platter.read(self.id, offset as usize, into)
    }

    fn sync_data(&self) -> io::Result<()> {
        let state = &mut *self.disk.lock();
        state.operate_file(self.life)?;
        if let Err(error) = state.fails(Failure::Sync) {
            state.platter.fail_sync(self.id, &mut state.random);
            return Err(error);
        }
        state.platter.sync(self.id);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        let mut state = self.disk.lock();
        state.operate_file(self.life)?;
        Ok(state.platter.size(self.id))
    }
}

/// File names and the files behind them.
type Names = BTreeMap<String, u64>;
