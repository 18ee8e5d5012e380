//! Who was subscribed to what, and when, as the clients know it. Judges nothing.

use quorate_codec::{QoS, TopicFilter};

use crate::history::{ClientNumber, Event, MessageNumber};
use crate::world::World;

/// A subscription from its SUBACK to its UNSUBSCRIBE, or to the end of a session that may be gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) client: ClientNumber,
    filter: &'static str,
    qos: QoS,
    since: usize,
    until: Option<usize>,
}

/// All of them.
pub(super) fn all(world: &World) -> Vec<Interval> {
    let mut intervals: Vec<Interval> = Vec::new();
    for (place, event) in world.history.iter() {
        if let Event::Subscribed {
            client,
            filter,
            qos,
        } = *event
        {
            intervals.push(Interval {
                client,
                filter,
                qos,
                since: place,
                until: None,
            });
        } else if let Event::Unsubscribing { client, filter } = *event {
            end(&mut intervals, place, |one| {
                one.client == client && one.filter == filter
            });
        } else if let Event::Closed { client, .. } = *event
            && !world.clients()[client].profile.stays()
        {
            end(&mut intervals, place, |one| one.client == client);
        }
    }
    intervals
}

fn end(intervals: &mut [Interval], place: usize, which: impl Fn(&Interval) -> bool) {
    let open = intervals
        .iter_mut()
        .filter(|one| one.until.is_none() && which(one));
    open.for_each(|one| one.until = Some(place));
}

/// Those of clients that keep their session for ever and are there at the end.
pub(super) fn lasting(world: &World) -> Vec<Interval> {
    let mut intervals = all(world);
    let lasting = |one: &Interval| {
        let profile = &world.clients()[one.client].profile;
        profile.stays() && !profile.leaves && one.until.is_none()
    };
    intervals.retain(lasting);
    intervals
}

/// Whether a client was subscribed to the message from before `sent` until after `received`.
pub(super) fn covers(
    world: &World,
    interval: &Interval,
    message: MessageNumber,
    (sent, received): (usize, usize),
) -> bool {
    let topic = &world.history.messages[message].topic;
    let matches = TopicFilter::parse(interval.filter).is_ok_and(|filter| filter.matches(topic));
    matches && interval.since < sent && interval.until.is_none_or(|until| until > received)
}

/// Whether the subscription, held since before `place`, must have got the message.
pub(super) fn must_get(
    world: &World,
    interval: &Interval,
    message: MessageNumber,
    place: usize,
) -> bool {
    let message = &world.history.messages[message];
    let matches =
        TopicFilter::parse(interval.filter).is_ok_and(|filter| filter.matches(&message.topic));
    let queued = interval.qos != QoS::AtMostOnce && message.qos != QoS::AtMostOnce;
    matches && queued && interval.since < place
}

/// Whether a client's application was given a message.
pub(super) fn got(world: &World, by: ClientNumber, wanted: MessageNumber) -> bool {
    world.history.events.iter().any(|event| {
        matches!(event, Event::Received { client, message, arrival, .. }
            if *client == by && *message == wanted && arrival.passed)
    })
}

/// Queue entries in which a durable client got a message because it was published: distinct packet ids.
pub(super) fn entries(world: &World, by: ClientNumber, wanted: MessageNumber) -> usize {
    let mut ids = std::collections::BTreeSet::new();
    for event in &world.history.events {
        if let Event::Received {
            client,
            message,
            arrival,
            ..
        } = event
            && *client == by
            && *message == wanted
            && !arrival.retain
        {
            ids.extend(arrival.packet_id);
        }
    }
    ids.len()
}
