//! What an owner may choose. Only values and their check; defaults come from `limits`.

use crate::error::OpenError;
use crate::limits;

/// Settings of a log.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of new segment files, in bytes. Files that exist keep theirs.
    pub segment_bytes: u64,
    /// Recent entries kept in memory per group, in bytes of payload.
    pub ring_bytes_max: usize,
    /// Bytes submitted and not yet written before submitters wait.
    pub queue_bytes_max: usize,
    /// Live bytes that may be rewritten to free an old segment.
    pub rewrite_bytes_max: u64,
    /// Free segment files kept for reuse, at least one.
    pub spare_segments_max: usize,
    /// Anything a client cannot know: makes records that a client hides in its payloads invalid.
    pub salt: u64,
    /// For tests that must fail.
    #[doc(hidden)]
    pub fault: Fault,
}

/// A mistake built in on purpose, so that the crash tests can show that they notice it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// No mistake.
    #[default]
    None,
    /// Report records durable when they are written but not synced.
    AcknowledgeBeforeSync,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: limits::SEGMENT_BYTES,
            ring_bytes_max: limits::RING_BYTES_MAX,
            queue_bytes_max: limits::QUEUE_BYTES_MAX,
            rewrite_bytes_max: limits::REWRITE_BYTES_MAX,
            spare_segments_max: limits::SPARE_SEGMENTS_MAX,
            salt: 0,
            fault: Fault::None,
        }
    }
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        if !(limits::SEGMENT_BYTES_MIN..=limits::SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            let why = "from 4 KiB to 2 GiB";
            return Err(OpenError::Options {
                option: "segment_bytes",
                why,
            });
        }
        if self.spare_segments_max == 0 {
            let why = "at least 1";
            return Err(OpenError::Options {
                option: "spare_segments_max",
                why,
            });
        }
        Ok(())
    }
}
