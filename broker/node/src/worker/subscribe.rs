//! SUBSCRIBE and UNSUBSCRIBE: commit (durable), route, barrier, retained messages, acknowledgement.

use std::num::NonZeroU32;
use std::sync::Arc;

use quorate_codec::{
    Packet, QoS, ReasonCode, ReasonCodes, ReasonProperties, RetainHandling, ShareFilter, SubAck,
    UnsubAck,
};
use quorate_router::{ConnectionId, Subscriber};
use quorate_session::{RequestedFilter, SubscribeRequest, UnsubscribeRequest};
use quorate_shard::{Command, Outcome, Subscribe, Subscription, Unsubscribe};

use super::connection::{Held, Ordering};
use super::core::{Core, key};
use super::operation::{Operation, Retaining, Subscribing, Unsubscribing};
use super::outbox::{Errand, Wanted};

impl Core {
    /// A SUBSCRIBE came.
    pub(super) fn subscribe(&mut self, id: ConnectionId, request: SubscribeRequest<'_>) {
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        let mut subscribing = Box::new(Subscribing {
            id,
            packet_id: request.packet_id,
            reserved: request.reserved,
            wanted: Vec::new(),
            existed: Vec::new(),
            reasons: Vec::new(),
        });
        for filter in request.filters() {
            match filter {
                RequestedFilter::Refused(reason) => subscribing.reasons.push(reason),
                RequestedFilter::Wanted { filter, options } => {
                    subscribing.reasons.push(granted(options.qos));
                    let filter = Arc::from(filter.as_str());
                    let identifier = request.identifier;
                    subscribing.wanted.push(Wanted {
                        filter,
                        options,
                        identifier,
                    });
                }
            }
        }
        if connection.durable {
            self.hold(id, Held::Subscribe(subscribing));
        } else {
            subscribing.existed = self.route_subscriptions(id, &subscribing.wanted);
            self.pass_barrier(subscribing);
        }
    }

    /// An operation of a durable session, begun as soon as those before it let it.
    fn hold(&mut self, id: ConnectionId, operation: Held) {
        if let Some(connection) = self.connections.get_mut(key(id)) {
            let ordering = connection.ordering.get_or_insert_default();
            ordering.held.push_back(operation);
            self.begin_held(id);
        }
    }

    fn begin_held(&mut self, id: ConnectionId) {
        while let Some(connection) = self.connections.get_mut(key(id)) {
            let ordering = connection.ordering.as_mut();
            let Some(operation) = ordering.and_then(|ordering| ordering.begin()) else {
                return;
            };
            match operation {
                Held::Subscribe(subscribing) => self.commit_subscriptions(subscribing),
                Held::Unsubscribe(unsubscribing) => self.commit_unsubscriptions(unsubscribing),
            }
        }
    }

    /// An operation of a durable session is done; others may have waited for it.
    fn operation_done(&mut self, id: ConnectionId, count: fn(&mut Ordering) -> &mut u16) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let Some(ordering) = connection.ordering.as_deref_mut() else {
            return;
        };
        *count(ordering) -= 1;
        if ordering.held.is_empty() && ordering.subscribing + ordering.unsubscribing == 0 {
            connection.ordering = None;
        } else {
            self.begin_held(id);
        }
    }

    fn commit_subscriptions(&mut self, subscribing: Box<Subscribing>) {
        let Some(connection) = self.connections.get(key(subscribing.id)) else {
            return;
        };
        if subscribing.wanted.is_empty() {
            self.send_suback(&subscribing);
            return;
        }
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let subscriptions = subscribing.wanted.iter().map(Wanted::subscription);
        let command = Command::Subscribe(Subscribe {
            session,
            epoch,
            subscriptions: subscriptions.collect(),
        });
        self.request(shard, command, Operation::Subscribe(subscribing));
    }

    /// The shard has the subscriptions, and every worker routes to the shard; or it refused them.
    pub(super) fn subscriptions_committed(
        &mut self,
        mut subscribing: Box<Subscribing>,
        outcome: Outcome,
    ) {
        if let Outcome::Subscribed(existed) = outcome {
            self.route_subscriptions(subscribing.id, &subscribing.wanted);
            subscribing.existed = existed;
            self.pass_barrier(subscribing);
        } else if outcome != Outcome::Stale {
            let granted = subscribing
                .reasons
                .iter_mut()
                .filter(|reason| !reason.is_error());
            granted.for_each(|reason| *reason = ReasonCode::QuotaExceeded);
            subscribing.wanted.clear();
            self.send_suback(&subscribing);
        }
    }

    /// Puts subscriptions in this worker's table; for each, whether the connection had it.
    fn route_subscriptions(&mut self, id: ConnectionId, wanted: &[Wanted]) -> Vec<bool> {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return Vec::new();
        };
        let mut existed = Vec::with_capacity(wanted.len());
        for Wanted {
            filter,
            options,
            identifier,
        } in wanted
        {
            let subscriber = Subscriber {
                qos: options.qos,
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                identifier: identifier.and_then(NonZeroU32::new),
                durable: connection.durable,
            };
            let subscribed = self.table.subscribe(id, filter, subscriber);
            if !subscribed.existed {
                connection.filters.push(filter.clone());
                self.subscriptions += 1;
            }
            if let Some(interest) = subscribed.interest {
                self.outbox.interest.push((filter.clone(), interest));
            }
            existed.push(subscribed.existed);
        }
        existed
    }

    /// A session that was kept comes back with its subscriptions.
    pub(super) fn restore_subscriptions(
        &mut self,
        id: ConnectionId,
        subscriptions: &[Subscription],
    ) {
        let wanted: Vec<_> = subscriptions.iter().map(Wanted::from).collect();
        self.route_subscriptions(id, &wanted);
    }

    /// Goes on once every other worker and every live node routes by the subscriptions.
    fn pass_barrier(&mut self, subscribing: Box<Subscribing>) {
        if subscribing.wanted.is_empty() {
            self.subscribed(subscribing);
            return;
        }
        let ticket = self
            .operations
            .insert(Operation::Subscribe(subscribing))
            .to_bits();
        self.outbox.errands.push(Errand::Barrier { ticket });
    }

    /// Every worker routes by the subscriptions: read what is retained, then answer. A clean session is
    /// answered first, since it waits for no disk (P9).
    pub(super) fn subscribed(&mut self, subscribing: Box<Subscribing>) {
        let id = subscribing.id;
        for wanted in subscribing
            .wanted
            .iter()
            .filter(|wanted| wanted.is_shared())
        {
            self.reclaim(&wanted.filter);
        }
        let durable = self
            .connections
            .get(key(id))
            .is_some_and(|connection| connection.durable);
        let wanted = with_retained(&subscribing);
        if wanted.is_empty() {
            self.send_suback(&subscribing);
            return;
        }
        let then = if durable {
            Some(subscribing)
        } else {
            self.send_suback(&subscribing);
            None
        };
        let filters = wanted.iter().map(|wanted| wanted.filter.clone()).collect();
        let retaining = Box::new(Retaining {
            id,
            wanted,
            then,
            parts: 0,
        });
        let ticket = self
            .operations
            .insert(Operation::Retained(retaining))
            .to_bits();
        self.outbox
            .errands
            .push(Errand::ReadRetained { ticket, filters });
    }

    pub(super) fn send_suback(&mut self, subscribing: &Subscribing) {
        let Subscribing {
            id,
            packet_id,
            reserved,
            ref existed,
            ref reasons,
            ..
        } = *subscribing;
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let added = existed.iter().filter(|existed| !**existed).count() as u32;
        connection.session.subscribe_done(reserved, added);
        let packet = Packet::SubAck(SubAck {
            packet_id,
            reasons: ReasonCodes::new(reasons),
            properties: ReasonProperties::NONE,
        });
        self.send(id, &packet);
        self.operation_done(id, |ordering| &mut ordering.subscribing);
    }

    /// An UNSUBSCRIBE came.
    pub(super) fn unsubscribe(&mut self, id: ConnectionId, request: UnsubscribeRequest<'_>) {
        let mut unsubscribing = Box::new(Unsubscribing {
            id,
            packet_id: request.packet_id,
            filters: Vec::new(),
            reasons: Vec::new(),
        });
        let filters = request.filters().map(|filter| Arc::from(filter.as_str()));
        unsubscribing.filters.extend(filters);
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        if connection.durable {
            self.hold(id, Held::Unsubscribe(unsubscribing));
        } else {
            self.unsubscribed(unsubscribing);
        }
    }

    fn commit_unsubscriptions(&mut self, unsubscribing: Box<Unsubscribing>) {
        let Some(connection) = self.connections.get(key(unsubscribing.id)) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let filters = unsubscribing.filters.clone();
        let command = Command::Unsubscribe(Unsubscribe {
            session,
            epoch,
            filters,
        });
        self.request(shard, command, Operation::Unsubscribe(unsubscribing));
    }

    /// The shard has done it, or had nothing to do with it.
    pub(super) fn unsubscribed(&mut self, mut unsubscribing: Box<Unsubscribing>) {
        let id = unsubscribing.id;
        let filters = std::mem::take(&mut unsubscribing.filters);
        let reasons = filters.iter().map(|filter| self.unroute(id, filter));
        unsubscribing.reasons = reasons.collect();
        self.send_unsuback(&unsubscribing);
    }

    fn unroute(&mut self, id: ConnectionId, filter: &str) -> ReasonCode {
        let Some(changed) = self.table.unsubscribe(id, filter) else {
            return ReasonCode::NoSubscriptionExisted;
        };
        if let Some(connection) = self.connections.get_mut(key(id))
            && let Some(at) = connection.filters.iter().position(|own| **own == *filter)
        {
            connection.filters.swap_remove(at);
            self.subscriptions -= 1;
        }
        if let Some(interest) = changed {
            self.outbox.interest.push((Arc::from(filter), interest));
        }
        ReasonCode::Success
    }

    fn send_unsuback(&mut self, unsubscribing: &Unsubscribing) {
        let Unsubscribing {
            id,
            packet_id,
            ref reasons,
            ..
        } = *unsubscribing;
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let removed = reasons
            .iter()
            .filter(|reason| **reason == ReasonCode::Success)
            .count() as u32;
        connection.session.unsubscribe_done(removed);
        let packet = Packet::UnsubAck(UnsubAck {
            packet_id,
            reasons: ReasonCodes::new(reasons),
            properties: ReasonProperties::NONE,
        });
        self.send(id, &packet);
        self.operation_done(id, |ordering| &mut ordering.unsubscribing);
    }
}

fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}

/// The filters whose subscriber wants what is retained (MQTT 5, 3.8.3.1).
fn with_retained(subscribing: &Subscribing) -> Vec<Wanted> {
    let wanted = subscribing.wanted.iter().zip(&subscribing.existed);
    wanted
        // A group never gets what is retained (4.8.2): nobody could say which member it is for.
        .filter(|(wanted, _)| !wanted.is_shared())
        .filter(|(wanted, existed)| match wanted.options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => !**existed,
            RetainHandling::Never => false,
        })
        .map(|(wanted, _)| wanted.clone())
        .collect()
}

impl Wanted {
    fn is_shared(&self) -> bool {
        self.filter.starts_with(ShareFilter::PREFIX)
    }

    fn subscription(&self) -> Subscription {
        Subscription {
            filter: self.filter.clone(),
            options: self.options,
            identifier: self.identifier,
        }
    }
}

impl From<&Subscription> for Wanted {
    fn from(subscription: &Subscription) -> Self {
        Self {
            filter: subscription.filter.clone(),
            options: subscription.options,
            identifier: subscription.identifier,
        }
    }
}
