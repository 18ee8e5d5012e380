//! Retained messages for a new subscription: sent at once, or queued by the session's shard.

use quorate_codec::{PublishHead, QoS};
use quorate_router::ConnectionId;
use quorate_shard::{Command, Enqueue, Message};

use super::core::{Core, key};
use super::deliver::Outgoing;
use super::operation::{Operation, Retaining};
use super::outbox::Wanted;
use crate::raft::RetainedFound;

/// Bytes of messages in one command: half of what a batch may hold, so that one subscriber to everything
/// does not hold up the others' commands.
const ENQUEUE_BYTES_MAX: usize = 256 * 1024;

impl Core {
    /// Retained messages are there: to the shard what it has to queue, to the client the rest.
    pub(super) fn retained_found(
        &mut self,
        mut retaining: Box<Retaining>,
        found: Option<Vec<Vec<RetainedFound>>>,
    ) {
        let id = retaining.id;
        let Some(found) = found else {
            self.unavailable(id, "retained messages cannot be read now");
            return;
        };
        let mut commands = Vec::new();
        for (wanted, found) in std::mem::take(&mut retaining.wanted).iter().zip(found) {
            commands.extend(self.deliver_retained(id, wanted, found));
        }
        let shard = self
            .connections
            .get(key(id))
            .map(|connection| connection.shard);
        let Some(shard) = shard.filter(|_| !commands.is_empty()) else {
            self.finish_retained(&retaining);
            return;
        };
        retaining.parts = commands.len() as u16;
        let ticket = self
            .operations
            .insert(Operation::Retained(retaining))
            .to_bits();
        for command in commands {
            self.request_with(shard, command, ticket);
        }
    }

    /// The client has, or its shard queues, what was retained.
    pub(super) fn finish_retained(&mut self, retaining: &Retaining) {
        if let Some(subscribing) = &retaining.then {
            self.send_suback(subscribing);
        }
    }

    /// Sends what was retained for one filter; what a durable session gets at QoS 1 or 2 is returned as
    /// commands for its shard.
    fn deliver_retained(
        &mut self,
        id: ConnectionId,
        wanted: &Wanted,
        found: Vec<RetainedFound>,
    ) -> Vec<Command> {
        let Some(connection) = self.connections.get(key(id)) else {
            return Vec::new();
        };
        let (durable, session, epoch) = (connection.durable, connection.claim, connection.epoch);
        let mut queue = Vec::new();
        for RetainedFound {
            message,
            expiry_seconds,
        } in found
        {
            let qos = wanted.options.qos.min(message.qos);
            if durable && qos != QoS::AtMostOnce {
                queue.push(Message {
                    qos,
                    expiry_seconds,
                    ..Message::clone(&message)
                });
            } else {
                self.send_retained(id, wanted, qos, &message, expiry_seconds);
            }
        }
        let identifier = wanted.identifier;
        let enqueue = |messages| {
            Command::Enqueue(Enqueue {
                session,
                epoch,
                messages,
                identifier,
            })
        };
        chunks(queue).map(enqueue).collect()
    }

    fn send_retained(
        &mut self,
        id: ConnectionId,
        wanted: &Wanted,
        qos: QoS,
        message: &Message,
        expiry_seconds: Option<u32>,
    ) {
        let identifiers: Vec<u32> = wanted.identifier.into_iter().collect();
        let head = PublishHead {
            retain: true,
            expiry_seconds,
            subscription_ids: &identifiers,
            ..PublishHead::new(qos, None)
        };
        self.deliver_retained_message(id, head, Outgoing::of(message, expiry_seconds));
    }
}

/// Messages in lists of at most [`ENQUEUE_BYTES_MAX`], each of at least one.
fn chunks(messages: Vec<Message>) -> impl Iterator<Item = Vec<Message>> {
    let mut messages = messages.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = messages.next()?;
        let mut bytes = weight(&first);
        let mut chunk = vec![first];
        while let Some(next) = messages.next_if(|next| bytes + weight(next) <= ENQUEUE_BYTES_MAX) {
            bytes += weight(&next);
            chunk.push(next);
        }
        Some(chunk)
    })
}

fn weight(message: &Message) -> usize {
    message.topic.len() + message.properties.len() + message.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Message {
        Message {
            topic: "t".into(),
            properties: bytes::Bytes::new(),
            payload: vec![0; bytes].into(),
            qos: QoS::AtLeastOnce,
            retain: true,
            expiry_seconds: None,
        }
    }

    #[test]
    fn retained_messages_go_to_the_shard_in_bounded_commands() {
        let sizes = |chunk: Vec<Message>| chunk.iter().map(|m| m.payload.len()).collect::<Vec<_>>();
        let half = ENQUEUE_BYTES_MAX / 2 - 1;
        let messages = vec![
            message(half),
            message(half),
            message(1),
            message(2 * ENQUEUE_BYTES_MAX),
        ];
        let chunks: Vec<_> = chunks(messages).map(sizes).collect();
        assert_eq!(
            chunks,
            [vec![half, half], vec![1], vec![2 * ENQUEUE_BYTES_MAX]]
        );
    }
}
