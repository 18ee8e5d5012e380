//! Bounds of the operator, each with its reason.

use std::time::Duration;

/// A reconcile that failed comes again after this at first; the pause doubles each time.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The pause grows no further: somebody who has put the cause right should not wait longer than this.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);
