//! Bounds of a worker, each with unit and reason. The node's configuration may change the public ones.

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerLimits {
    /// Bytes a connection's output may hold before QoS 0 messages to it are dropped and its own packets
    /// are not read any more. A burst for a slow link; 15 000 stuck clients must not fill the memory.
    pub output_bytes_max: usize,
    /// QoS 1 and 2 messages that may wait for one clean session; more are dropped and counted.
    pub waiting_messages_max: usize,
    /// Bytes of them.
    pub waiting_bytes_max: usize,
}

/// Bytes that any connection may have waiting, however little room there is: enough for a client that reads.
const TIGHT_BYTES: usize = 64 * 1024;

impl WorkerLimits {
    /// The same while the node's budget is used up.
    pub(super) fn tight(self) -> Self {
        Self {
            output_bytes_max: self.output_bytes_max.min(TIGHT_BYTES),
            waiting_bytes_max: self.waiting_bytes_max.min(TIGHT_BYTES),
            ..self
        }
    }
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            output_bytes_max: 1024 * 1024,
            waiting_messages_max: 100_000,
            waiting_bytes_max: 32 * 1024 * 1024,
        }
    }
}
