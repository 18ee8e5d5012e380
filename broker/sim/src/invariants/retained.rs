//! P1 for retained values: one that was acknowledged is there, unless a message that may be later took its place.

use std::collections::BTreeMap;

use quorate_codec::QoS;

use super::Violation;
use crate::history::{Event, MessageNumber};
use crate::world::World;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let values = world.retained();
    let mut sent = BTreeMap::new();
    let mut answered = BTreeMap::new();
    for (place, event) in world.history.iter() {
        if let Event::Sent { message, .. } = *event {
            sent.entry(message).or_insert(place);
        } else if let Event::Acknowledged { message, .. } = *event {
            answered.insert(message, place);
        }
    }
    for (message, sent) in sent {
        let published = &world.history.messages[message];
        if !published.retain || !answered.contains_key(&message) {
            continue;
        }
        let value = values.get(&published.topic).copied();
        if is_older(world, value, message, sent, &answered) {
            let topic = &published.topic;
            let what = format!("{topic} retains {value:?}, but {message} was acknowledged later");
            return Err(Violation::new("P1", what));
        }
    }
    Ok(())
}

/// Whether the value was surely set before `message` was sent, or is missing.
fn is_older(
    world: &World,
    value: Option<MessageNumber>,
    message: MessageNumber,
    sent: usize,
    answered: &BTreeMap<MessageNumber, usize>,
) -> bool {
    let Some(value) = value else {
        return true;
    };
    let known = world.history.messages[value].qos != QoS::AtMostOnce;
    let done = answered.get(&value).filter(|_| known && value != message);
    done.is_some_and(|done| *done < sent)
}
