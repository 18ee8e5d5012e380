//! Making a new segment file in small steps, and removing superfluous ones. Failing here loses nothing: the file is
//! thrown away and the log goes on with the room it has.

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::limits::ALLOCATION_STEP_BYTES_MAX;
use crate::segment::{SegmentFile, name_of, unfinished_name_of};

/// A segment file being made. It gets its name when it is zeroed and synced.
#[derive(Debug)]
pub(crate) struct Allocation {
    number: u32,
    size: u64,
    written: u64,
    file: Option<Arc<dyn DiskFile>>,
}

/// One step of work beside commits.
#[derive(Debug)]
pub(crate) enum Upkeep {
    Allocate(Allocation),
    Remove(SegmentFile),
}

/// What a step led to.
#[derive(Debug)]
pub(crate) enum UpkeepResult {
    Goes(Allocation),
    Allocated(SegmentFile),
    /// No new segment for now.
    Failed,
    Removed,
}

impl Upkeep {
    /// Runs without the log's lock.
    pub(crate) fn run(self, disk: &dyn Disk) -> UpkeepResult {
        match self {
            Self::Allocate(allocation) => allocation.step(disk),
            Self::Remove(at) => {
                // A file that cannot be removed is found again, free, at the next start.
                let _ = disk.remove(&at.name).and_then(|()| disk.sync_dir());
                UpkeepResult::Removed
            }
        }
    }
}

impl Allocation {
    pub(crate) fn new(number: u32, size: u64) -> Self {
        Self {
            number,
            size,
            written: 0,
            file: None,
        }
    }

    fn step(mut self, disk: &dyn Disk) -> UpkeepResult {
        match self.try_step(disk) {
            Ok(None) => UpkeepResult::Goes(self),
            Ok(Some(done)) => UpkeepResult::Allocated(done),
            Err(_) => {
                // Give back what it took; if even that fails the next start does it.
                let _ = disk.remove(&unfinished_name_of(self.number));
                let _ = disk.remove(&name_of(self.number));
                UpkeepResult::Failed
            }
        }
    }

    fn try_step(&mut self, disk: &dyn Disk) -> io::Result<Option<SegmentFile>> {
        let unfinished = unfinished_name_of(self.number);
        let Some(file) = &self.file else {
            self.file = Some(disk.create(&unfinished)?);
            return Ok(None);
        };
        let left = self.size - self.written;
        if left > 0 {
            let step = left.min(ALLOCATION_STEP_BYTES_MAX as u64);
            // Zeroed, not only reserved: a sync into zeroed blocks writes no metadata.
            file.write_at(self.written, &vec![0; step as usize])?;
            file.sync_data()?;
            self.written += step;
            return Ok(None);
        }
        let name = name_of(self.number);
        disk.rename(&unfinished, &name)?;
        disk.sync_dir()?;
        Ok(Some(SegmentFile {
            name: name.into(),
            file: Arc::clone(file),
            size: self.size,
        }))
    }
}
