//! P5, first half: a subscriber sees the messages of one publisher on one topic at one QoS in the order they were
//! published; repeats of what it has seen do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use crate::history::Event;
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    let mut last = BTreeMap::new();
    for (place, event) in world.history.iter() {
        let Event::Received {
            client,
            message,
            arrival,
            ..
        } = *event
        else {
            continue;
        };
        if arrival.retain || !seen.insert((client, message)) {
            continue;
        }
        let published = &world.history.messages[message];
        // Two subscriptions may make two streams of different QoS; order holds in each.
        let stream = (client, published.publisher, &published.topic, published.qos);
        let before = last.insert(stream, message).unwrap_or(0);
        if before > message {
            let what =
                format!("client {client} got message {message} after {before}, at event {place}");
            return Err(Violation::new("P5", what));
        }
    }
    Ok(())
}
