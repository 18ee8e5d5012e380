//! Bounds of the operator, each with its reason.

use std::time::Duration;

/// A reconcile that failed comes again after this at first; the pause doubles each time.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_secs(1);
/// The pause grows no further: somebody who has put the cause right should not wait longer than this.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Clusters that are looked at at the same time: each asks its nodes, which may all be silent for seconds.
pub const RECONCILES_MAX: u16 = 8;
/// A reconcile follows changes after this, so that a burst of them costs one.
pub const DEBOUNCE: Duration = Duration::from_millis(100);
/// No cluster is looked at more often than this, whatever the planner says.
pub const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Objects whose last apply is remembered; beyond it all are forgotten, which costs a write each.
pub const SETTLED_OBJECTS_MAX: usize = 100_000;
/// Bytes of an event's text; the API server takes 1 024.
pub const NOTE_BYTES_MAX: usize = 1_000;
/// Bytes of a condition's message; the API server takes 32 768, people read less.
pub const MESSAGE_BYTES_MAX: usize = 4_000;
/// Bytes of an event's action; the API server takes 128.
pub const ACTION_BYTES_MAX: usize = 120;
/// Events of one StatefulSet that are read to say why there are no pods; the newest is told.
pub const EVENTS_MAX: u32 = 50;
