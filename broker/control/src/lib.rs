//! PURE. The replicated state machine of membership and the slot map.
//!
//! Every replica applies the same commands and reaches the same state. No clock, no randomness, no I/O,
//! no unordered iteration; it knows nothing of what a shard holds.
#![forbid(unsafe_code)]

mod change;
mod command;
mod control;
mod member;
mod slot;
mod snapshot;

pub use command::*;
pub use control::{Cluster, Control, MEMBERS_MAX};
pub use member::{Member, Role, Wanted};
pub use slot::{SLOTS, SlotMap, slot_of};
pub use snapshot::{Record, RestoreError};
