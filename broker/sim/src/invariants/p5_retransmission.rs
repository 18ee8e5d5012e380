//! P5, second half: a durable session's packet id stands for one message as long as 65 535 others have not come; what
//! comes again does so on a later connection, with its packet id and DUP. A seed sends far fewer messages.

use std::collections::BTreeMap;

use super::Violation;
use crate::history::{Arrival, ClientNumber, Event, LinkNumber, MessageNumber};
use crate::world::World;

/// What a session's packet ids stood for, and where they came last.
type Sessions = BTreeMap<(ClientNumber, u16), (MessageNumber, LinkNumber)>;

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let mut sessions = Sessions::new();
    for (place, event) in world.history.iter() {
        if let Event::Connected {
            client,
            present: false,
            ..
        } = *event
        {
            sessions.retain(|(other, _), _| *other != client);
        } else if let Event::Received {
            client,
            link,
            message,
            arrival,
        } = *event
        {
            let durable = world.clients()[client].profile.stays();
            if let (true, Some(id)) = (durable, arrival.packet_id) {
                let before = sessions.insert((client, id), (message, link));
                let wrong = before.and_then(|before| judge(before, (message, link), arrival));
                if let Some(wrong) = wrong {
                    let what = format!("client {client}, packet id {id}, event {place}: {wrong}");
                    return Err(Violation::new("P5", what));
                }
            }
        }
    }
    Ok(())
}

fn judge(
    (before, link_before): (MessageNumber, LinkNumber),
    (message, link): (MessageNumber, LinkNumber),
    arrival: Arrival,
) -> Option<String> {
    if before != message {
        return Some(format!("stood for message {before} and now for {message}"));
    }
    if link_before == link {
        return Some(format!("message {message} came twice on one connection"));
    }
    (!arrival.dup).then(|| format!("message {message} came again without DUP"))
}
