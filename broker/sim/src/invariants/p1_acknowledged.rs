//! P1: what was acknowledged reaches every durable session that was subscribed before it was published; and a
//! session that never expires is still there at the next CONNECT.

use std::collections::BTreeMap;

use super::Violation;
use super::subscriptions::{got, lasting, must_get};
use crate::history::Event;
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    sessions_are_kept(world)?;
    let intervals = lasting(world);
    let mut first_sent = BTreeMap::new();
    for (place, event) in world.history.iter() {
        if let Event::Sent { message, .. } = *event {
            first_sent.entry(message).or_insert(place);
        } else if let Event::Acknowledged {
            message,
            client: publisher,
        } = *event
        {
            let sent = first_sent.get(&message).copied().unwrap_or(place);
            for interval in &intervals {
                if must_get(world, interval, message, sent) && !got(world, interval.client, message)
                {
                    let client = interval.client;
                    let what = format!(
                        "client {client} never got message {message} of client {publisher}, acknowledged at event {place}"
                    );
                    return Err(Violation::new("P1", what));
                }
            }
        }
    }
    Ok(())
}

fn sessions_are_kept(world: &World) -> Result<(), Violation> {
    let mut known = vec![false; world.clients().len()];
    for (place, event) in world.history.iter() {
        let Event::Connected {
            client, present, ..
        } = *event
        else {
            continue;
        };
        if known[client] && !present && world.clients()[client].profile.stays() {
            let what = format!("the session of client {client} is gone at event {place}");
            return Err(Violation::new("P1", what));
        }
        known[client] = true;
    }
    Ok(())
}
