//! Batches are idempotent (design 2.1): a message that its publisher sent once is queued at most once for a durable
//! session, whatever became of the answers on the way. A repeat comes only from the publisher.

use std::collections::BTreeMap;

use super::Violation;
use super::subscriptions::entries;
use crate::history::Event;
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let mut sends = BTreeMap::new();
    for event in &world.history.events {
        if let Event::Sent { message, .. } = event {
            *sends.entry(*message).or_insert(0) += 1;
        }
    }
    for (message, _) in sends.into_iter().filter(|(_, count)| *count == 1) {
        for (client, other) in world.clients().iter().enumerate() {
            let found = entries(world, client, message);
            if other.profile.is_durable() && found > 1 {
                let what =
                    format!("message {message}, sent once, is {found} entries of client {client}");
                return Err(Violation::new("batches", what));
            }
        }
    }
    Ok(())
}
