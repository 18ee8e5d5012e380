//! P5, first half: a subscriber sees the messages of one publisher on one topic at one QoS in the order they were
//! published; repeats of what it has seen do not count. Nor does a message that was first sent before it subscribed:
//! a broker that had nobody to give it to forgets it, and its repeat may follow a later one. Wills take no part: two
//! CONNECTs on two connections may arrive in any order.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::subscriptions::{all, covers};
use crate::history::Event;
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let intervals = all(world);
    let mut sent = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut last = BTreeMap::new();
    for (place, event) in world.history.iter() {
        if let Event::Sent { message, .. } = *event {
            sent.entry(message).or_insert(place);
        } else if let Event::Received {
            client,
            message,
            arrival,
            ..
        } = *event
        {
            let is_will = world.history.messages[message].will_of.is_some();
            if arrival.retain || is_will || !seen.insert((client, message)) {
                continue;
            }
            let between = (sent.get(&message).copied().unwrap_or(0), place);
            let mut own = intervals.iter().filter(|one| one.client == client);
            if !own.any(|one| covers(world, one, message, between)) {
                continue;
            }
            let published = &world.history.messages[message];
            let stream = (client, published.publisher, &published.topic, published.qos);
            let before = last.insert(stream, message).unwrap_or(0);
            if before > message {
                let what = format!(
                    "client {client} got message {message} after {before}, at event {place}"
                );
                return Err(Violation::new("P5", what));
            }
        }
    }
    Ok(())
}
