//! Messages to clients: encoded into the receivers' outputs, or kept until there is room.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use quorate_codec::{
    EncodeError, PacketId, PublishBody, PublishHead, QoS, encode_publish, publish_len,
};
use quorate_router::{ConnectionId, Route};
use quorate_session::OutboundAlias;
use quorate_shard::Message;

use super::connection::{Connection, Head, Kept, Waiting};
use super::core::{Core, key};
use super::cross::{CrossBatch, CrossPublish};
use super::lent::Loan;
use super::limits::WorkerLimits;
use crate::metrics::{DropReason, WorkerCounters};

/// A message on its way to clients, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) topic: &'a str,
    /// Forwardable properties in wire form.
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expiry_seconds: Option<u32>,
}

impl Core {
    /// To all own connections of the route that the direct path serves.
    pub(super) fn deliver(
        &mut self,
        from: Option<ConnectionId>,
        route: &Route,
        outgoing: Outgoing<'_>,
    ) {
        let mut kept = None;
        for recipient in &route.recipients {
            let recipient = if recipient.no_local && from == Some(recipient.connection) {
                match route.echo(recipient.connection) {
                    Some(echo) => echo,
                    None => continue,
                }
            } else {
                recipient
            };
            let Some(qos) = recipient.direct(outgoing.qos) else {
                continue;
            };
            let identifiers = numbers(route.identifiers(recipient));
            let head = PublishHead {
                retain: outgoing.retain && recipient.retain_as_published,
                expiry_seconds: outgoing.expiry_seconds,
                subscription_ids: &identifiers,
                ..PublishHead::new(qos, None)
            };
            self.deliver_to(recipient.connection, head, outgoing, &mut kept);
        }
    }

    /// To one connection that the direct path serves.
    pub(super) fn deliver_to(
        &mut self,
        id: ConnectionId,
        head: PublishHead<'_>,
        outgoing: Outgoing<'_>,
        kept: &mut Option<Rc<Kept>>,
    ) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let mut sender = Sender {
            limits: &self.settings.limits,
            counters: &self.counters,
            pool: &mut self.pool,
            group: None,
        };
        let sent = sender.send(connection, head, outgoing, self.now, kept);
        if sent.is_some() && !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
        }
    }

    /// To one connection as a member of a share group.
    pub(super) fn deliver_lent(
        &mut self,
        id: ConnectionId,
        group: &Arc<str>,
        head: PublishHead<'_>,
        outgoing: Outgoing<'_>,
    ) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let mut sender = Sender {
            limits: &self.settings.limits,
            counters: &self.counters,
            pool: &mut self.pool,
            group: Some(group),
        };
        let mut kept = None;
        let Some(packet_id) = sender.send(connection, head, outgoing, self.now, &mut kept) else {
            return;
        };
        if let (Some(packet_id), QoS::AtLeastOnce) = (packet_id, head.qos) {
            let loan = Loan {
                group: group.clone(),
                kept: kept.unwrap_or_else(|| Rc::new(outgoing.keep(self.now))),
            };
            let lent = connection.lent.get_or_insert_default();
            lent.push(packet_id, loan, &connection.session);
        }
        self.mark_dirty(id);
    }

    /// One retained message to a new subscriber; waits for room whatever its QoS, since there may be many.
    pub(super) fn deliver_retained_message(
        &mut self,
        id: ConnectionId,
        head: PublishHead<'_>,
        outgoing: Outgoing<'_>,
    ) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let mut sender = Sender {
            limits: &self.settings.limits,
            counters: &self.counters,
            pool: &mut self.pool,
            group: None,
        };
        let full = connection.output.len() >= sender.limits.output_bytes_max;
        if full || connection.waiting.is_some() {
            sender.keep(connection, &Rc::new(outgoing.keep(self.now)), &head);
            // Nothing may be left to send that would wake it up.
            self.mark_settled(id);
        } else if sender
            .send(connection, head, outgoing, self.now, &mut None)
            .is_some()
        {
            self.mark_dirty(id);
        }
    }

    /// Publishes of another worker's clients.
    pub(super) fn deliver_batch(&mut self, batch: &CrossBatch) {
        batch.visit(|publish| {
            let outgoing = Outgoing::from(publish);
            if let Some((group, turn)) = publish.share {
                self.deliver_turn(group, turn, outgoing);
                return;
            }
            let mut handle = quorate_router::RouteHandle::default();
            let route = self.table.route(&mut handle, publish.topic).clone();
            self.deliver(None, &route, outgoing);
        });
    }

    /// Sends what waits, as far as the client's window and its output allow.
    pub(super) fn send_waiting(&mut self, id: ConnectionId) {
        let now = self.now;
        loop {
            let Some(connection) = self.connections.get_mut(key(id)) else {
                return;
            };
            let full = connection.output.len() >= self.settings.limits.output_bytes_max;
            let Some(waiting) = connection.waiting.as_mut().filter(|_| !full) else {
                return;
            };
            let Some((kept, head)) = waiting.messages.front().cloned() else {
                break;
            };
            let rest = match rest_of_expiry(kept.expires_at, now) {
                Ok(rest) => rest,
                Err(Expired) => {
                    self.counters.dropped[DropReason::Expired as usize].add(1);
                    waiting.pop();
                    continue;
                }
            };
            let Some(packet_id) = packet_id(connection, head.qos) else {
                return;
            };
            let Some((kept, head)) = connection
                .waiting
                .as_mut()
                .and_then(|waiting| waiting.pop())
            else {
                return;
            };
            let Head {
                qos,
                retain,
                identifiers,
                group,
            } = head;
            let head = PublishHead {
                retain,
                expiry_seconds: rest,
                subscription_ids: &identifiers,
                ..PublishHead::new(qos, packet_id)
            };
            let body = PublishBody {
                topic: &kept.topic,
                properties: &kept.properties,
                payload: &kept.payload,
            };
            append(connection, &mut self.pool, &self.counters, &head, &body);
            if let (Some(group), Some(packet_id), QoS::AtLeastOnce) = (group, packet_id, qos) {
                let lent = connection.lent.get_or_insert_default();
                lent.push(packet_id, Loan { group, kept }, &connection.session);
            }
            self.mark_dirty(id);
        }
        self.send_waiting_deliveries(id);
    }
}

/// What appending to a connection needs beside the connection.
struct Sender<'a> {
    limits: &'a WorkerLimits,
    counters: &'a WorkerCounters,
    pool: &'a mut super::output::BufferPool,
    /// The share group that lends the message.
    group: Option<&'a Arc<str>>,
}

impl Sender<'_> {
    /// Appends the message, keeps it for later, or drops and counts it; its packet id if it was appended.
    #[inline]
    fn send(
        &mut self,
        connection: &mut Connection,
        mut head: PublishHead<'_>,
        outgoing: Outgoing<'_>,
        now: u64,
        kept: &mut Option<Rc<Kept>>,
    ) -> Option<Option<PacketId>> {
        if !connection.is_open() {
            return None;
        }
        let body = PublishBody {
            topic: outgoing.topic,
            properties: outgoing.properties,
            payload: outgoing.payload,
        };
        if !fits(connection, &head, &body) {
            self.counters.dropped[DropReason::TooLarge as usize].add(1);
            return None;
        }
        let full = connection.output.len() >= self.limits.output_bytes_max;
        if head.qos == QoS::AtMostOnce {
            if full {
                self.counters.dropped[DropReason::OutputFull as usize].add(1);
                return None;
            }
        } else {
            // Behind what waits already, or order would be lost (MQTT-4.6.0-6).
            let behind = full || connection.waiting.is_some();
            head.packet_id = if behind {
                None
            } else {
                connection.session.deliver(head.qos)
            };
            if head.packet_id.is_none() {
                let kept = kept.get_or_insert_with(|| Rc::new(outgoing.keep(now)));
                self.keep(connection, kept, &head);
                return None;
            }
        }
        append(connection, self.pool, self.counters, &head, &body);
        Some(head.packet_id)
    }

    #[cold]
    fn keep(&self, connection: &mut Connection, kept: &Rc<Kept>, head: &PublishHead<'_>) {
        let waiting = connection.waiting.get_or_insert_default();
        if waiting.messages.len() >= self.limits.waiting_messages_max
            || waiting.bytes + kept.bytes() > self.limits.waiting_bytes_max
        {
            self.counters.dropped[DropReason::QueueFull as usize].add(1);
            return;
        }
        waiting.bytes += kept.bytes();
        let identifiers = head.subscription_ids.into();
        let head = Head {
            qos: head.qos,
            retain: head.retain,
            identifiers,
            group: self.group.cloned(),
        };
        waiting.messages.push_back((kept.clone(), head));
    }
}

/// Encodes a PUBLISH into the connection's output.
#[inline]
pub(super) fn append(
    connection: &mut Connection,
    pool: &mut super::output::BufferPool,
    counters: &WorkerCounters,
    head: &PublishHead<'_>,
    body: &PublishBody<'_>,
) {
    // Few clients take topic aliases.
    let sent = if connection.session.sets_topic_aliases() {
        append_aliased(connection, pool, *head, *body)
    } else {
        let version = connection.session.version();
        encode_publish(head, body, version, connection.output.buffer(pool))
    };
    if let Err(error) = sent {
        // Only a message that grew beyond the protocol's bound by identifiers can get here.
        tracing::warn!(%error, "a PUBLISH cannot be encoded");
        return;
    }
    let bytes = body.topic.len() + body.payload.len();
    counters.sent.add(head.qos, 1, bytes as u64);
}

/// With an alias instead of the topic, or in front of the next messages that will have it.
#[cold]
fn append_aliased(
    connection: &mut Connection,
    pool: &mut super::output::BufferPool,
    mut head: PublishHead<'_>,
    mut body: PublishBody<'_>,
) -> Result<(), EncodeError> {
    let version = connection.session.version();
    let topic = body.topic;
    let mut is_fresh = false;
    match connection.session.topic_alias(topic) {
        OutboundAlias::None => {}
        OutboundAlias::Known(alias) => {
            head.topic_alias = Some(alias);
            body.topic = "";
        }
        OutboundAlias::Fresh(alias) => {
            let with_alias = PublishHead {
                topic_alias: Some(alias),
                ..head
            };
            if fits(connection, &with_alias, &body) {
                head = with_alias;
                is_fresh = true;
            }
        }
    }
    encode_publish(&head, &body, version, connection.output.buffer(pool))?;
    if is_fresh {
        connection.session.topic_alias_sent(topic);
    }
    Ok(())
}

/// Whether the client takes a packet of this size (MQTT-3.1.2-24).
#[inline]
pub(super) fn fits(
    connection: &Connection,
    head: &PublishHead<'_>,
    body: &PublishBody<'_>,
) -> bool {
    // Few clients say how much they take; only for them the length is worked out.
    connection.session.client_limits().maximum_packet_size == u32::MAX
        || connection
            .session
            .fits(publish_len(head, body, connection.session.version()))
}

/// Its time has passed.
pub(super) struct Expired;

/// What is left of a message's expiry interval, in seconds, rounded up (MQTT-3.3.2-6).
pub(super) fn rest_of_expiry(expires_at: Option<u64>, now: u64) -> Result<Option<u32>, Expired> {
    match expires_at {
        None => Ok(None),
        Some(at) if at <= now => Err(Expired),
        Some(at) => Ok(Some(
            u32::try_from((at - now).div_ceil(1000)).unwrap_or(u32::MAX),
        )),
    }
}

/// The packet id to send a waiting message with, `Some(None)` at QoS 0; `None` while there is no room.
fn packet_id(connection: &mut Connection, qos: QoS) -> Option<Option<PacketId>> {
    match qos {
        QoS::AtMostOnce => Some(None),
        QoS::AtLeastOnce | QoS::ExactlyOnce => connection.session.deliver(qos).map(Some),
    }
}

/// Identifiers as the encoder takes them; most messages have none, and then this costs nothing.
fn numbers(identifiers: &[NonZeroU32]) -> Vec<u32> {
    identifiers.iter().map(|id| id.get()).collect()
}

impl<'a> Outgoing<'a> {
    /// A message that was kept, with what is left of its expiry interval.
    pub(super) fn of(message: &'a Message, expiry_seconds: Option<u32>) -> Self {
        Self {
            topic: &message.topic,
            properties: &message.properties,
            payload: &message.payload,
            qos: message.qos,
            retain: message.retain,
            expiry_seconds,
        }
    }

    fn keep(&self, now: u64) -> Kept {
        Kept {
            topic: self.topic.into(),
            properties: self.properties.into(),
            payload: self.payload.into(),
            expires_at: self
                .expiry_seconds
                .map(|seconds| now + u64::from(seconds) * 1000),
        }
    }
}

impl<'a> From<CrossPublish<'a>> for Outgoing<'a> {
    fn from(publish: CrossPublish<'a>) -> Self {
        let CrossPublish {
            share: _,
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_seconds,
        } = publish;
        Self {
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_seconds,
        }
    }
}

impl<'a> From<Outgoing<'a>> for CrossPublish<'a> {
    fn from(outgoing: Outgoing<'a>) -> Self {
        let Outgoing {
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_seconds,
        } = outgoing;
        Self {
            share: None,
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_seconds,
        }
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<(Rc<Kept>, Head)> {
        let (kept, head) = self.messages.pop_front()?;
        self.bytes -= kept.bytes();
        Some((kept, head))
    }
}
