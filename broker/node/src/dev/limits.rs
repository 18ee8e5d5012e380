//! Times of a cluster on one machine.

use std::time::Duration;

/// Time to become ready: a log of some gigabytes is read again on a slow disk.
pub(super) const READY_WAIT: Duration = Duration::from_secs(60);
/// Pause between two questions to a node that is not ready.
pub(super) const READY_INTERVAL: Duration = Duration::from_millis(50);
/// Time for one answer.
pub(super) const ANSWER_WAIT: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read.
pub(super) const ANSWER_BYTES_MAX: u64 = 4096;
/// Time for newcomers to get their votes before the table is shown.
pub(super) const VOTES_WAIT: Duration = Duration::from_secs(5);
/// Pause between two looks at the cluster: news should not be older than what people notice.
pub(super) const NEWS_INTERVAL: Duration = Duration::from_millis(300);
/// Time for a node to end by itself: more than it takes to hand its groups over.
pub(super) const END_WAIT: Duration = Duration::from_secs(10);
/// Bytes at the end of a log that are looked at for its last lines.
pub(super) const LOG_TAIL_BYTES_MAX: u64 = 4096;
/// Lines shown of the log of a node that did not start.
pub(super) const LOG_TAIL_LINES_MAX: usize = 5;
