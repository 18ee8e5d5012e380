//! One batch on its way to the disk: write, sync, segment by segment. Runs without the log's lock and touches nothing of it.

use std::io;
use std::sync::Arc;

use crate::error::WalError;
use crate::options::Fault;
use crate::tail::{Batch, Chunk};

/// A batch that is to be written.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) batch: Batch,
    pub(crate) syncs: u64,
    pub(crate) outcome: Result<(), WalError>,
    fault: Fault,
}

impl Flush {
    pub(crate) fn new(batch: Batch, fault: Fault) -> Self {
        Self {
            batch,
            syncs: 0,
            outcome: Ok(()),
            fault,
        }
    }

    /// Writes and syncs. Each segment is synced before the next one's head is written: a segment with a valid head
    /// proves that the one before it was whole.
    pub(crate) fn run(&mut self) {
        self.outcome = self.batch.chunks.iter().try_for_each(|chunk| {
            let (syncs, result) = write(chunk, self.fault);
            self.syncs += syncs;
            result.map_err(|(action, source)| WalError::Stopped {
                action,
                file: Arc::clone(&chunk.at.name),
                source: Arc::new(source),
            })
        });
    }
}

type Failed = (&'static str, io::Error);

fn write(chunk: &Chunk, fault: Fault) -> (u64, Result<(), Failed>) {
    let mut syncs = 0;
    let mut sync = || match fault {
        Fault::None => {
            syncs += 1;
            chunk.at.file.sync_data().map_err(|e| ("sync", e))
        }
        Fault::AcknowledgeBeforeSync => Ok(()),
    };
    let mut both = |offset, bytes: &[u8]| {
        chunk
            .at
            .file
            .write_at(offset, bytes)
            .map_err(|e| ("write", e))?;
        sync()
    };
    let head = chunk.head.as_ref().map_or(Ok(()), |head| both(0, head));
    let result = head.and_then(|()| match chunk.bytes.is_empty() {
        true => Ok(()),
        false => both(chunk.offset, &chunk.bytes),
    });
    (syncs, result)
}
