//! Bounds and times of deliveries between nodes, with their reasons.

use std::time::Duration;

/// Bytes of payload after which a frame of deliveries is full: small enough that a lane's other traffic is not
/// held up, large enough to be few. One delivery always fits.
pub(super) const FRAME_BYTES_MAX: usize = 128 << 10;

/// How long a node may take to answer for a frame of deliveries before it is sent again. Longer than the
/// slowest link that works: sending again makes a slow one slower.
pub(super) const DELIVER_DEADLINE: Duration = Duration::from_secs(10);

/// Wait before what found no room in a lane is offered again.
pub(super) const DELIVER_RETRY: Duration = Duration::from_millis(20);

/// Sessions attached with one frame: their deliveries come at once.
pub(super) const ATTACH_SESSIONS_MAX: usize = 256;

/// How long a leader may take to answer an attach.
pub(super) const ATTACH_DEADLINE: Duration = Duration::from_secs(2);

/// Wait before sessions are attached again where no leader took them; a new leader ends it.
pub(super) const ATTACH_RETRY: Duration = Duration::from_millis(50);
