//! What shards answered, and what goes on with it.

use quorate_codec::{PacketId, ReasonCode};
use quorate_router::ConnectionId;
use quorate_shard::{
    Acknowledge, Command, Forget, InboundRelease, Origin, Outcome, Received, Sequence,
};

use super::core::{Core, key};
use super::operation::{InboundPublish, Operation};
use super::publish::Waiter;
use super::slab::Key;

impl Core {
    /// Outcomes of commands, by ticket.
    pub(super) fn handle_outcomes(&mut self, outcomes: Vec<(u64, Outcome)>) {
        for (ticket, outcome) in outcomes {
            self.handle_outcome(Key::from_bits(ticket), outcome);
        }
    }

    pub(super) fn handle_outcome(&mut self, ticket: Key, outcome: Outcome) {
        if self.is_incomplete(ticket, &outcome) {
            return;
        }
        let Some(operation) = self.operations.remove(ticket) else {
            return;
        };
        match operation {
            Operation::Publish {
                waiter,
                reason,
                since,
                ..
            } => {
                let waited = self.now_micros.saturating_sub(since);
                self.counters.publish_to_ack_micros.record(waited);
                self.published(waiter, reason);
            }
            Operation::InboundStart(inbound) => self.inbound_answered(*inbound, &outcome),
            Operation::ForgetInbound { id, packet_id, .. } => self.inbound_forgotten(id, packet_id),
            Operation::InboundRelease { id, packet_id } => self.inbound_released(id, packet_id),
            Operation::Received { id, sequences } => self.received(id, &sequences, &outcome),
            Operation::Subscribe(subscribing) => self.subscriptions_committed(subscribing, outcome),
            Operation::Unsubscribe(unsubscribing) => {
                // A stale session's connection is being taken over and gets no answer.
                if outcome != Outcome::Stale {
                    self.unsubscribed(unsubscribing);
                }
            }
            Operation::Retained(retaining) => self.finish_retained(&retaining),
        }
    }

    /// The packet id of a QoS 2 PUBLISH is committed or refused. A stale session's connection is being taken
    /// over and gets no answer.
    fn inbound_answered(&mut self, inbound: InboundPublish, outcome: &Outcome) {
        if let Outcome::InboundStarted { sequence, .. } = outcome {
            self.inbound_started(inbound, *sequence);
        } else if *outcome == Outcome::QuotaExceeded {
            let InboundPublish { id, ticket, .. } = inbound;
            self.published(Waiter::Client { id, ticket }, ReasonCode::QuotaExceeded);
        }
    }

    /// Notes one part of several; whether more are missing.
    fn is_incomplete(&mut self, ticket: Key, outcome: &Outcome) -> bool {
        let parts = match self.operations.get_mut(ticket) {
            Some(Operation::Publish { parts, reason, .. }) => {
                if *outcome == Outcome::QuotaExceeded {
                    *reason = ReasonCode::QuotaExceeded;
                }
                parts
            }
            Some(Operation::ForgetInbound { parts, .. }) => parts,
            Some(Operation::Retained(retaining)) => &mut retaining.parts,
            Some(
                Operation::InboundStart(_)
                | Operation::InboundRelease { .. }
                | Operation::Received { .. }
                | Operation::Subscribe(_)
                | Operation::Unsubscribe(_),
            )
            | None => return false,
        };
        *parts -= 1;
        *parts > 0
    }

    /// PUBREL came for an inbound QoS 2 message of a durable session: all shards forget its mark first, since
    /// nobody would tell them once the packet id is free.
    pub(super) fn release_inbound(&mut self, id: ConnectionId, packet_id: PacketId, sequence: u64) {
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        let (shard, session) = (connection.shard, connection.claim);
        let origin = Origin::Inbound {
            shard,
            session,
            sequence,
        };
        let parts = self.settings.slots.shard_count();
        let operation = Operation::ForgetInbound {
            id,
            packet_id,
            parts,
        };
        let ticket = self.operations.insert(operation).to_bits();
        for shard in 0..parts {
            self.request_with(shard, Command::Forget(Forget { origin }), ticket);
        }
    }

    /// No shard knows the message any more: its packet id is given back.
    fn inbound_forgotten(&mut self, id: ConnectionId, packet_id: PacketId) {
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let release = InboundRelease {
            session,
            epoch,
            packet_id,
        };
        let operation = Operation::InboundRelease { id, packet_id };
        self.request(shard, Command::InboundRelease(release), operation);
    }

    fn inbound_released(&mut self, id: ConnectionId, packet_id: PacketId) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let step = connection.session.inbound_released(packet_id);
        self.take_step(id, step, None);
        self.send_acks(id);
    }

    /// PUBRECs are committed: their PUBRELs go out.
    fn received(&mut self, id: ConnectionId, sequences: &[Sequence], outcome: &Outcome) {
        if *outcome == Outcome::Stale {
            return;
        }
        for sequence in sequences {
            let connection = self.connections.get_mut(key(id));
            if let Some(reply) = connection.and_then(|c| c.session.received_applied(*sequence)) {
                self.reply(id, reply);
            }
        }
    }

    /// What a session has for its shard after a turn, and what waits for room.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        connection.settled = false;
        if !connection.is_open() {
            return;
        }
        let waits = connection.waiting.is_some();
        self.report(id);
        if waits {
            self.send_waiting(id);
        }
    }

    /// Tells the session's shard what the client has acknowledged.
    pub(super) fn report(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let acknowledged = connection.session.poll_acknowledged();
        let received = connection.session.poll_received();
        if let Some(sequences) = acknowledged {
            let command = Command::Acknowledge(Acknowledge {
                session,
                epoch,
                sequences,
            });
            self.request_unanswered(shard, command);
        }
        if let Some(sequences) = received {
            let command = Command::Received(Received {
                session,
                epoch,
                sequences: sequences.clone(),
            });
            self.request(shard, command, Operation::Received { id, sequences });
        }
    }
}
