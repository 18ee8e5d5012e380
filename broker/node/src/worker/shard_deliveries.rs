//! Deliveries of durable sessions: handed over by the shard's leader, in order, within the window it keeps.

use std::collections::HashMap;

use quorate_codec::{AckKind, PublishBody, PublishHead, ReasonCode};
use quorate_router::ConnectionId;
use quorate_session::{Delivery as Verdict, Reply};
use quorate_shard::{Delivery, DeliveryPacket, DeliveryPublish, SessionId, ShardId};

use super::connection::Connection;
use super::core::{Core, key};
use super::deliver::{append, fits};
use super::output::BufferPool;
use crate::delivery::SessionDeliveries;
use crate::metrics::{DropReason, WorkerCounters};

/// Connections of durable sessions, by session.
pub(super) type DurableMap =
    HashMap<(ShardId, SessionId), ConnectionId, foldhash::fast::RandomState>;

/// Shard time as a connection knows it, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ShardClock {
    /// Shard time when the last deliveries came.
    shard: u64,
    /// The worker's time then.
    worker: u64,
}

impl ShardClock {
    fn at(self, worker_now: u64) -> u64 {
        self.shard + worker_now.saturating_sub(self.worker)
    }
}

impl Core {
    /// Packets for durable sessions of this worker.
    pub(super) fn handle_deliveries(&mut self, sessions: Vec<SessionDeliveries>) {
        for SessionDeliveries {
            shard,
            session,
            epoch,
            now,
            deliveries,
        } in sessions
        {
            let Some(id) = self.durable.get(&(shard, session)).copied() else {
                continue;
            };
            let Some(connection) = self.connections.get_mut(key(id)) else {
                continue;
            };
            if connection.epoch != epoch || !connection.is_open() {
                continue;
            }
            connection.shard_clock = ShardClock {
                shard: now,
                worker: self.now,
            };
            connection
                .waiting
                .get_or_insert_default()
                .deliveries
                .extend(deliveries);
            self.send_waiting_deliveries(id);
        }
    }

    /// Sends waiting deliveries, as far as the session has room.
    pub(super) fn send_waiting_deliveries(&mut self, id: ConnectionId) {
        let worker_now = self.now;
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let now = connection.shard_clock.at(worker_now);
        while let Some(delivery) = connection
            .waiting
            .as_mut()
            .and_then(|w| w.deliveries.pop_front())
        {
            if !hand_on(connection, &mut self.pool, &self.counters, &delivery, now) {
                connection
                    .waiting
                    .get_or_insert_default()
                    .deliveries
                    .push_front(delivery);
                break;
            }
        }
        connection.waiting.take_if(|waiting| waiting.is_empty());
        let discarded = connection.session.has_reports();
        self.mark_dirty(id);
        if discarded {
            self.mark_settled(id);
        }
    }
}

/// Sends one delivery; `false` if the session has no room for it.
fn hand_on(
    connection: &mut Connection,
    pool: &mut BufferPool,
    counters: &WorkerCounters,
    delivery: &Delivery,
    now: u64,
) -> bool {
    let sequence = delivery.sequence;
    let verdict = match &delivery.packet {
        DeliveryPacket::Publish(publish) => {
            connection.session.deliver_durable(sequence, publish.qos)
        }
        DeliveryPacket::PubRel => connection.session.deliver_released(sequence),
    };
    let packet_id = match verdict {
        Verdict::Repeat => return true,
        Verdict::NoRoom => return false,
        Verdict::Send(packet_id) => packet_id,
    };
    let publish = match &delivery.packet {
        DeliveryPacket::Publish(publish) => publish,
        DeliveryPacket::PubRel => {
            let reply = Reply::Acknowledge {
                kind: AckKind::PubRel,
                packet_id,
                reason: ReasonCode::Success,
            };
            reply.encode(connection.session.version(), connection.output.buffer(pool));
            return true;
        }
    };
    let head = PublishHead {
        packet_id: Some(packet_id),
        ..head_of(publish, now)
    };
    let body = PublishBody {
        topic: &publish.message.topic,
        properties: &publish.message.properties,
        payload: &publish.message.payload,
    };
    if fits(connection, &head, &body) {
        append(connection, pool, counters, &head, &body);
    } else {
        connection.session.discard_durable(sequence);
        counters.dropped[DropReason::TooLarge as usize].add(1);
    }
    true
}

fn head_of(publish: &DeliveryPublish, now: u64) -> PublishHead<'_> {
    // One that was started is sent even if its time has passed since: it may have been sent before.
    let rest = publish
        .expires_at
        .map(|at| at.saturating_sub(now).div_ceil(1000));
    PublishHead {
        dup: publish.dup,
        qos: publish.qos,
        retain: publish.retain,
        packet_id: None,
        expiry_seconds: rest.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        subscription_ids: &publish.identifiers,
        topic_alias: None,
    }
}
