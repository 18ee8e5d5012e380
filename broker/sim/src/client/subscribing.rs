//! The client's subscriptions: it wants those of its profile, and drops one now and then.

use quorate_codec::{
    Filters, Packet, PacketId, SubAck, Subscribe, SubscribeProperties, Subscription,
    SubscriptionFilter, SubscriptionOptions, Subscriptions, Unsubscribe, UserProperties,
};

use super::{Client, Surroundings, send};
use crate::history::{Event, History};
use crate::invariants::Violation;

/// A SUBSCRIBE or UNSUBSCRIBE that is not answered.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) packet_id: PacketId,
    /// Place in the profile's filters.
    place: usize,
    subscribes: bool,
}

impl Client {
    /// Subscribes to what it misses; `false` if nothing is missing or an answer is awaited.
    pub(crate) fn subscribe(&mut self, around: &mut Surroundings<'_>) -> bool {
        let missing = self.subscribed.iter().position(|subscribed| !subscribed);
        let Some(place) = missing.filter(|_| self.operation.is_none()) else {
            return false;
        };
        let packet_id = self.draw_packet_id();
        let (filter, qos) = self.profile.filters[place];
        let options = SubscriptionOptions::at(qos);
        let list = [Subscription {
            filter: parse(filter),
            options,
        }];
        let packet = Packet::Subscribe(Subscribe {
            packet_id,
            subscriptions: Subscriptions::new(&list),
            properties: SubscribeProperties::default(),
        });
        send(&packet, self.profile.version, &mut around.link.to_node);
        self.operation = Some(Operation {
            packet_id,
            place,
            subscribes: true,
        });
        true
    }

    /// Drops a subscription it has.
    pub(crate) fn unsubscribe(&mut self, around: &mut Surroundings<'_>) {
        let held = self.subscribed.iter().position(|subscribed| *subscribed);
        let Some(place) = held.filter(|_| self.operation.is_none()) else {
            return;
        };
        let packet_id = self.draw_packet_id();
        let (filter, _) = self.profile.filters[place];
        let list = [parse(filter)];
        let packet = Packet::Unsubscribe(Unsubscribe {
            packet_id,
            filters: Filters::new(&list),
            user_properties: UserProperties::NONE,
        });
        send(&packet, self.profile.version, &mut around.link.to_node);
        around.history.note(Event::Unsubscribing {
            client: self.number,
            filter,
        });
        self.subscribed[place] = false;
        self.operation = Some(Operation {
            packet_id,
            place,
            subscribes: false,
        });
    }

    pub(super) fn handle_suback(
        &mut self,
        ack: &SubAck<'_>,
        history: &mut History,
    ) -> Result<(), Violation> {
        let Some(operation) = self.take_operation(ack.packet_id, true) else {
            return Err(self.broken("SUBACK for nothing"));
        };
        if ack.reasons.iter().any(quorate_codec::ReasonCode::is_error) {
            return Err(self.broken("SUBSCRIBE was refused"));
        }
        self.subscribed[operation.place] = true;
        let (filter, qos) = self.profile.filters[operation.place];
        history.note(Event::Subscribed {
            client: self.number,
            filter,
            qos,
        });
        Ok(())
    }

    pub(super) fn handle_unsuback(&mut self, packet_id: PacketId) -> Result<(), Violation> {
        match self.take_operation(packet_id, false) {
            Some(_) => Ok(()),
            None => Err(self.broken("UNSUBACK for nothing")),
        }
    }

    fn take_operation(&mut self, packet_id: PacketId, subscribes: bool) -> Option<Operation> {
        self.operation
            .take_if(|one| one.packet_id == packet_id && one.subscribes == subscribes)
    }
}

fn parse(filter: &str) -> SubscriptionFilter<'_> {
    SubscriptionFilter::parse(filter).expect("the simulation's filters are valid")
}
