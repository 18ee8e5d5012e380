//! Room in a session's queue, by the policy for full ones. Refuses nothing: with that policy nobody asks here.

use crate::limits::QueueFull;
use crate::queue::Around;
use crate::shard::Shard;
use crate::types::SessionId;

/// Whether a durable session can queue so many messages more, after the oldest have made room for them if that is the
/// policy. What goes, old or new, is counted.
pub(super) fn make(shard: &mut Shard, session: SessionId, count: u64, bytes: u64) -> bool {
    let limits = &shard.limits;
    let Some(durable) = shard.sessions.durable_mut(session) else {
        return true;
    };
    if durable.queue.has_room(count, bytes, limits) {
        return true;
    }
    if limits.queue_full == QueueFull::DropOldest {
        let mut around = Around {
            session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        let dropped = durable.queue.drop_oldest(count, bytes, limits, &mut around);
        shard.dropped_messages += dropped;
    }
    let has_room = durable.queue.has_room(count, bytes, limits);
    shard.dropped_messages += if has_room { 0 } else { count };
    has_room
}
