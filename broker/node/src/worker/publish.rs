//! A PUBLISH on its way: the direct part at once, the durable part as commands to shards, then its
//! acknowledgement (design 2.3).

use std::sync::Arc;

use bytes::Bytes;
use quorate_codec::{PacketId, Publish, QoS, ReasonCode};
use quorate_router::{ConnectionId, Route, Scope};
use quorate_session::{Publishing, Ticket};
use quorate_shard::{Command, InboundStart, Message, NodeId, Origin, Retain, ShardId};

use super::core::{Core, key};
use super::cross::CrossPublish;
use super::deliver::Outgoing;
use super::operation::{InboundPublish, Operation};
use super::peer_batch::PeerBatch;
use crate::shard_client::{ReplyTo, Request};

impl Core {
    /// A QoS 0 PUBLISH: nobody waits for anything.
    pub(super) fn publish(&mut self, id: ConnectionId, publish: &Publish<'_>) {
        self.count_received(publish);
        let Some(route) = self.route_of(id, publish.topic) else {
            return;
        };
        self.publish_direct(id, &route, publish);
        if publish.retain {
            let message = message_of(route.topic.clone(), publish);
            self.request_retain(message, None);
        }
    }

    /// A QoS 1 or 2 PUBLISH that may be routed now.
    pub(super) fn publish_acknowledged(
        &mut self,
        id: ConnectionId,
        publishing: Publishing,
        publish: &Publish<'_>,
    ) {
        self.count_received(publish);
        let Some(mut route) = self.route_of(id, publish.topic) else {
            return;
        };
        let nobody = route.is_empty();
        self.elsewhere.clear();
        if let Some(sequence) = publishing.sequence() {
            // The first time that this came its direct part was done (MQTT-4.3.3-10).
            self.share_with_shards(id, &route, publish, sequence);
            route = Arc::new(route.to_shards());
        }
        self.publish_direct(id, &route, publish);
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        if route.shards.is_empty()
            && !publish.retain
            && self.elsewhere.is_empty()
            && acknowledging(&route).next().is_none()
        {
            let reason = if nobody {
                ReasonCode::NoMatchingSubscribers
            } else {
                ReasonCode::Success
            };
            let step = connection.session.publish_completed(publishing, reason);
            self.counters.publish_to_ack_micros.record(0);
            self.take_step(id, step, None);
            return;
        }
        let origin = publishing.sequence().map(|sequence| Origin::Inbound {
            shard: connection.shard,
            session: connection.claim,
            sequence,
        });
        let ticket = connection.session.publish_deferred(publishing);
        let client_id = connection.client_id.clone();
        let message = message_of(route.topic.clone(), publish);
        self.publish_durable(
            Waiter::Client { id, ticket },
            &route,
            message,
            Some(client_id),
            origin,
        );
    }

    /// A QoS 2 PUBLISH of a durable session: its packet id is committed before the message goes out (P4).
    pub(super) fn start_inbound(
        &mut self,
        id: ConnectionId,
        ticket: Ticket,
        packet_id: PacketId,
        publish: &Publish<'_>,
    ) {
        self.count_received(publish);
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let message = message_of(Arc::from(publish.topic), publish);
        let operation = Operation::InboundStart(Box::new(InboundPublish {
            id,
            ticket,
            shard,
            session,
            client_id: connection.client_id.clone(),
            message,
        }));
        let command = Command::InboundStart(InboundStart {
            session,
            epoch,
            packet_id,
        });
        self.request(shard, command, operation);
    }

    /// The packet id is committed: the message goes out under its origin.
    pub(super) fn inbound_started(&mut self, inbound: InboundPublish, sequence: u64) {
        let InboundPublish {
            id,
            ticket,
            shard,
            session,
            client_id,
            message,
        } = inbound;
        // If the client is gone it resends this on its next connection, and then it goes out to shards only, which know
        // whether they have it: the direct part is done here, once.
        if let Some(connection) = self.connections.get_mut(key(id)) {
            connection.session.inbound_started(ticket, sequence);
        }
        let origin = Origin::Inbound {
            shard,
            session,
            sequence,
        };
        let mut handle = quorate_router::RouteHandle::default();
        let route = self.table.route(&mut handle, &message.topic).clone();
        self.deliver_kept(Some(id), &route, &message, Some(sequence));
        self.publish_durable(
            Waiter::Client { id, ticket },
            &route,
            message,
            Some(client_id),
            Some(origin),
        );
    }

    /// Publishes on behalf of the broker itself (a will): direct and durable part, then `done`.
    pub(super) fn publish_injected(&mut self, publish: super::inbox::Injected) {
        let super::inbox::Injected {
            message,
            publisher,
            group,
            origin,
            done,
        } = publish;
        let route = match group {
            Some(group) => {
                let outgoing = Outgoing::of(&message, message.expiry_seconds);
                self.share_once(&group, outgoing, origin);
                Arc::new(Route::to_nobody(message.topic.clone()))
            }
            None => {
                let mut handle = quorate_router::RouteHandle::default();
                let route = self.table.route(&mut handle, &message.topic).clone();
                self.deliver_kept(None, &route, &message, None);
                route
            }
        };
        self.publish_durable(Waiter::Broker(done), &route, message, publisher, origin);
    }

    /// Proposes what shards have to keep of a message; when all of it is applied the waiter is told.
    fn publish_durable(
        &mut self,
        waiter: Waiter,
        route: &Route,
        message: Message,
        publisher: Option<Arc<str>>,
        origin: Option<Origin>,
    ) {
        let above_zero = message.qos != QoS::AtMostOnce;
        let mut elsewhere = std::mem::take(&mut self.elsewhere);
        let shards: &[ShardId] = if above_zero { &route.shards } else { &[] };
        let nodes = if above_zero {
            acknowledging(route).count()
        } else {
            0
        };
        let parts = shards.len()
            + usize::from(message.retain)
            + nodes
            + elsewhere.nodes.len()
            + elsewhere.lends_beside(shards).count();
        if parts == 0 {
            self.published(waiter, ReasonCode::Success);
            return;
        }
        let operation = Operation::Publish {
            waiter,
            parts: parts as u16,
            reason: ReasonCode::Success,
            since: self.now_micros,
        };
        let ticket = self.operations.insert(operation).to_bits();
        let outgoing = Outgoing::of(&message, message.expiry_seconds);
        if nodes > 0 {
            self.send_to_nodes(route, outgoing, ticket);
        }
        for (node, group, turn) in elsewhere.nodes.drain(..) {
            self.share_with_node(node, &group, turn, outgoing);
            let to = self.outbox.nodes.entry(node).or_default();
            to.tickets.push(ticket);
        }
        if message.retain {
            self.request_retain(message.clone(), Some(ticket));
        }
        let command = |plain, groups| {
            Command::Publish(quorate_shard::Publish {
                message: message.clone(),
                publisher: publisher.clone(),
                origin,
                plain,
                groups,
            })
        };
        for shard in shards {
            let groups = elsewhere.groups_of(*shard);
            self.request_with(*shard, command(true, groups), ticket);
        }
        for shard in elsewhere.lends_beside(shards) {
            let groups = elsewhere.groups_of(shard);
            self.request_with(shard, command(false, groups), ticket);
        }
        // Its memory serves the next publish.
        elsewhere.lends.clear();
        self.elsewhere = elsewhere;
    }

    /// All parts of a publish are done.
    pub(super) fn published(&mut self, waiter: Waiter, reason: ReasonCode) {
        match waiter {
            Waiter::Client { id, ticket } => {
                let Some(connection) = self.connections.get_mut(key(id)) else {
                    return;
                };
                let step = connection.session.publish_done(ticket, reason);
                self.take_step(id, step, None);
                self.send_acks(id);
            }
            Waiter::Broker(done) => done.run(!reason.is_error()),
        }
    }

    fn request_retain(&mut self, message: Message, ticket: Option<u64>) {
        let shard = self.shard_of(message.topic.as_bytes());
        let command = Command::Retain(Retain { message });
        match ticket {
            Some(ticket) => self.request_with(shard, command, ticket),
            None => self.request_unanswered(shard, command),
        }
    }

    /// Proposes a command whose outcome belongs to `operation`.
    pub(super) fn request(&mut self, shard: ShardId, command: Command, operation: Operation) {
        let ticket = self.operations.insert(operation).to_bits();
        self.request_with(shard, command, ticket);
    }

    pub(super) fn request_with(&mut self, shard: ShardId, command: Command, ticket: u64) {
        let worker = self.settings.id;
        let reply = ReplyTo::Worker { worker, ticket };
        self.outbox.requests[usize::from(shard)].push(Request { command, reply });
    }

    /// Proposes a command whose outcome nobody waits for.
    pub(super) fn request_unanswered(&mut self, shard: ShardId, command: Command) {
        self.outbox.requests[usize::from(shard)].push(Request {
            command,
            reply: ReplyTo::None,
        });
    }

    /// Shard of a key (client id or topic).
    pub(super) fn shard_of(&self, key: &[u8]) -> ShardId {
        self.settings.slots.shard_of(key)
    }

    fn route_of(&mut self, id: ConnectionId, topic: &str) -> Option<Arc<Route>> {
        let connection = self.connections.get_mut(key(id))?;
        Some(self.table.route(&mut connection.route, topic).clone())
    }

    /// The direct part of a publish just read: own connections and other workers.
    fn publish_direct(&mut self, from: ConnectionId, route: &Route, publish: &Publish<'_>) {
        if !has_direct(route) {
            return;
        }
        // Copied only when properties that stay with the publisher's connection are among them.
        let mut copied = std::mem::take(&mut self.properties);
        let travelling = publish.properties.message();
        let properties = travelling.as_wire().unwrap_or_else(|| {
            copied.clear();
            travelling.append_to(&mut copied);
            &copied
        });
        let outgoing = Outgoing {
            topic: publish.topic,
            properties,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            expiry_seconds: publish.properties.expiry_seconds,
        };
        self.deliver_direct(Some(from), route, outgoing, None);
        self.properties = copied;
    }

    /// The direct part of a message that was kept.
    fn deliver_kept(
        &mut self,
        from: Option<ConnectionId>,
        route: &Route,
        message: &Message,
        fixed: Option<u64>,
    ) {
        let outgoing = Outgoing::of(message, message.expiry_seconds);
        self.deliver_direct(from, route, outgoing, fixed);
    }

    /// To own connections, other workers and, at QoS 0, other nodes: nobody's receipt is waited for.
    fn deliver_direct(
        &mut self,
        from: Option<ConnectionId>,
        route: &Route,
        outgoing: Outgoing<'_>,
        fixed: Option<u64>,
    ) {
        self.deliver(from, route, outgoing);
        self.send_to_workers(route, outgoing);
        if !route.groups.is_empty() {
            self.share(from, route, outgoing, fixed);
        }
        if outgoing.qos == QoS::AtMostOnce {
            for (node, _) in &route.nodes {
                let out = &mut self.outbox.nodes.entry(*node).or_default().out;
                out.batch.push(CrossPublish::from(outgoing));
            }
        }
    }

    fn send_to_workers(&mut self, route: &Route, outgoing: Outgoing<'_>) {
        for interest in &route.workers {
            if interest.scope == Scope::QosZero && outgoing.qos != QoS::AtMostOnce {
                continue;
            }
            let batch = &mut self.outbox.cross[usize::from(interest.worker)].batch;
            batch.push(CrossPublish::from(outgoing));
        }
    }

    /// To other nodes, above QoS 0: their receipts are parts of the publish.
    fn send_to_nodes(&mut self, route: &Route, outgoing: Outgoing<'_>, ticket: u64) {
        for node in acknowledging(route) {
            let to = self.outbox.nodes.entry(node).or_default();
            to.out.batch.push(CrossPublish::from(outgoing));
            to.tickets.push(ticket);
        }
    }

    /// Publishes of another node's clients: to own connections and the other workers, to nobody else.
    pub(super) fn deliver_peer_batch(&mut self, batch: &PeerBatch) {
        batch.visit(|publish| {
            let outgoing = Outgoing::from(publish);
            if let Some((group, turn)) = publish.share {
                self.deliver_node_turn(group, turn, outgoing);
                return;
            }
            let mut handle = quorate_router::RouteHandle::default();
            let route = self.table.route(&mut handle, publish.topic).clone();
            self.deliver(None, &route, outgoing);
            self.send_to_workers(&route, outgoing);
        });
    }

    fn count_received(&self, publish: &Publish<'_>) {
        let bytes = publish.topic.len() + publish.payload.len();
        self.counters.received.add(publish.qos, 1, bytes as u64);
    }
}

/// Whether the direct path has anything to do.
fn has_direct(route: &Route) -> bool {
    !(route.recipients.is_empty()
        && route.workers.is_empty()
        && route.nodes.is_empty()
        && route.groups.is_empty())
}

/// Nodes that have receivers above QoS 0 which no shard serves.
fn acknowledging(route: &Route) -> impl Iterator<Item = NodeId> {
    let nodes = route.nodes.iter();
    nodes
        .filter(|(_, scope)| *scope == Scope::Every)
        .map(|(node, _)| *node)
}

/// Who waits for a publish.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A client that gets PUBACK or PUBREC.
    Client { id: ConnectionId, ticket: Ticket },
    /// The broker.
    Broker(super::inbox::Done),
}

/// A message that outlives the read buffer: copied out of it once.
fn message_of(topic: Arc<str>, publish: &Publish<'_>) -> Message {
    let mut properties = Vec::new();
    publish.properties.message().append_to(&mut properties);
    Message {
        topic,
        properties: properties.into(),
        payload: Bytes::copy_from_slice(publish.payload),
        qos: publish.qos,
        retain: publish.retain,
        expiry_seconds: publish.properties.expiry_seconds,
    }
}
