//! P4: a QoS 2 message of a durable publisher is given to the application of a durable QoS 2 subscriber at most once.
//! That it comes at all is P1. Sessions that may have expired are left out: a client that never saw the CONNACK of
//! the session after it cannot know that it is another.

use std::collections::BTreeMap;

use quorate_codec::QoS;

use super::Violation;
use crate::history::Event;
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let mut passed = BTreeMap::new();
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
        let published = &world.history.messages[message];
        let durable = |client: usize| world.clients()[client].profile.stays();
        let counts = arrival.passed
            && !arrival.retain
            && arrival.qos == QoS::ExactlyOnce
            && published.qos == QoS::ExactlyOnce
            && durable(client)
            && durable(published.publisher);
        if counts && let Some(first) = passed.insert((client, message), place) {
            let what =
                format!("client {client} got message {message} at events {first} and {place}");
            return Err(Violation::new("P4", what));
        }
    }
    Ok(())
}
