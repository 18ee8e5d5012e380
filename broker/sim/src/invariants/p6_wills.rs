//! P6: the will of a connection that was lost is published, once; that of one that lives, or that ended with
//! DISCONNECT, is not.

use super::Violation;
use super::subscriptions::{entries, got, lasting, must_get};
use crate::history::{ClientNumber, Event, LinkNumber, MessageNumber};
use crate::world::World;

/// One connection with a will.
struct Armed {
    client: ClientNumber,
    message: MessageNumber,
    /// Place of its CONNECT.
    place: usize,
    accepted: bool,
    said_goodbye: bool,
    ended: bool,
    /// The client connected again.
    came_back: bool,
    /// The node died after its CONNECT: a goodbye may have come too late.
    crashed: bool,
}

pub(super) fn check(world: &World) -> Result<(), Violation> {
    let intervals = lasting(world);
    for armed in collect(world) {
        let message = armed.message;
        for (client, other) in world.clients().iter().enumerate() {
            let durable = other.profile.is_durable();
            if durable && entries(world, client, message) > 1 {
                return Err(broken(
                    &armed,
                    &format!("came to client {client} more than once"),
                ));
            }
            let quiet = armed.said_goodbye && !armed.came_back && !armed.crashed;
            if (!armed.ended || quiet) && got(world, client, message) {
                return Err(broken(&armed, "was published without reason"));
            }
        }
        let delayed = world.history.messages[message].will_delay_seconds > 0;
        let due = armed.accepted && armed.ended && !armed.said_goodbye;
        if !due || (delayed && armed.came_back) {
            continue;
        }
        for interval in &intervals {
            let must = must_get(world, interval, message, armed.place);
            if must && !got(world, interval.client, message) {
                return Err(broken(
                    &armed,
                    &format!("never came to client {}", interval.client),
                ));
            }
        }
    }
    Ok(())
}

fn collect(world: &World) -> Vec<Armed> {
    let mut all: Vec<(LinkNumber, Armed)> = Vec::new();
    for (place, event) in world.history.iter() {
        if let Event::Connecting { client, link, will } = *event {
            for (_, one) in all.iter_mut().filter(|(_, one)| one.client == client) {
                one.came_back = true;
            }
            all.extend(will.map(|message| (link, Armed::new(client, message, place))));
        } else if let Event::Connected { link, .. } = *event {
            change(&mut all, link, |one| one.accepted = true);
        } else if let Event::Disconnecting { link, .. } = *event {
            change(&mut all, link, |one| one.said_goodbye = true)
        } else if let Event::Closed { link, .. } = *event {
            change(&mut all, link, |one| one.ended = true);
        } else if let Event::Crashed = *event {
            for (_, one) in &mut all {
                one.crashed = true;
            }
        }
    }
    all.into_iter().map(|(_, one)| one).collect()
}

fn change(all: &mut [(LinkNumber, Armed)], link: LinkNumber, change: impl Fn(&mut Armed)) {
    let found = all.iter_mut().find(|(other, _)| *other == link);
    found.into_iter().for_each(|(_, one)| change(one));
}

impl Armed {
    fn new(client: ClientNumber, message: MessageNumber, place: usize) -> Self {
        Self {
            client,
            message,
            place,
            accepted: false,
            said_goodbye: false,
            ended: false,
            came_back: false,
            crashed: false,
        }
    }
}

fn broken(armed: &Armed, what: &str) -> Violation {
    let Armed {
        client,
        message,
        place,
        ..
    } = armed;
    Violation::new(
        "P6",
        format!("the will {message} of client {client}, CONNECT at event {place}, {what}"),
    )
}
