//! The worker's one buffer for reading: every connection's bytes pass through it, none keeps one.

/// Bytes read from one socket in one turn. Less costs system calls (4 KiB: two thirds more CPU), more
/// gains nothing and lets one publisher hold up the others.
pub(super) const READ_BYTES_MAX: usize = 64 * 1024;
/// A partial packet up to this size is copied to the front of the buffer before a read; a larger one
/// stays with its connection and grows there.
pub(super) const CARRY_BYTES_MAX: usize = 16 * 1024;
/// What TLS may add to one read: the rest of a record that came in parts, with its overhead.
const RECORD_BYTES_MAX: usize = 20 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    bytes: Box<[u8]>,
    filled: usize,
}

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        let size = CARRY_BYTES_MAX + READ_BYTES_MAX + RECORD_BYTES_MAX;
        Self {
            bytes: vec![0; size].into_boxed_slice(),
            filled: 0,
        }
    }

    /// Starts over with a connection's partial packet.
    pub(crate) fn restart(&mut self, carried: &[u8]) {
        assert!(
            carried.len() <= CARRY_BYTES_MAX,
            "larger partial packets stay with their connection"
        );
        self.bytes[..carried.len()].copy_from_slice(carried);
        self.filled = carried.len();
    }

    /// Where the next bytes go.
    pub(crate) fn free(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Notes that the first `count` bytes of [`Self::free`] are filled.
    pub(crate) fn fill(&mut self, count: usize) {
        self.filled += count;
        assert!(
            self.filled <= self.bytes.len(),
            "only free bytes can be filled"
        );
    }

    /// What was filled from `start` on, to be turned into something shorter in place.
    pub(crate) fn filled_from(&mut self, start: usize) -> &mut [u8] {
        &mut self.bytes[start..self.filled]
    }

    /// Takes what is behind the first `length` bytes out again.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.filled = self.filled.min(length);
    }

    /// What is in it.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}
