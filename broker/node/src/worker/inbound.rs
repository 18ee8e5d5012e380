//! Bytes of a client → packets → its session → the step that the session wants taken.

use quorate_codec::{Decoded, Packet, Publish, ReasonCode, decode};
use quorate_router::ConnectionId;
use quorate_session::{Close, Reply, Step};

use super::core::{Core, key};
use super::read_buffer::CARRY_BYTES_MAX;

impl Core {
    /// Bytes came: `bytes` is what was carried (if it was small) and, at its end, `fresh` new ones.
    pub fn handle_bytes(&mut self, id: ConnectionId, bytes: &[u8], fresh: usize) {
        self.counters.wire_received_bytes.add(fresh as u64);
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        if connection.carried.len() <= CARRY_BYTES_MAX {
            let used = self.handle_packets(id, bytes);
            self.carry(id, &bytes[used..]);
            return;
        }
        connection.carried.extend_from_slice(bytes);
        if connection.carried.len() >= connection.needed {
            let mut carried = std::mem::take(&mut connection.carried);
            let used = self.handle_packets(id, &carried);
            carried.drain(..used);
            // Down to nothing when nothing is left: an idle connection holds no buffer.
            carried.shrink_to_fit();
            if let Some(connection) = self.connections.get_mut(key(id)) {
                connection.carried = carried;
            }
        }
    }

    /// Keeps the beginning of a packet until its rest comes.
    fn carry(&mut self, id: ConnectionId, rest: &[u8]) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        if rest.is_empty() {
            // An idle connection holds no buffer.
            connection.carried = Vec::new();
        } else {
            connection.carried.clear();
            connection.carried.extend_from_slice(rest);
        }
    }

    /// Handles every whole packet; returns the bytes they took.
    fn handle_packets(&mut self, id: ConnectionId, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(connection) = self.connections.get_mut(key(id)).filter(|c| c.is_open()) {
            match decode(
                &bytes[at..],
                connection.session.version(),
                &self.settings.decode,
            ) {
                Ok(Decoded::Packet { packet, consumed }) => {
                    at += consumed;
                    self.counters.packets_received.add(1);
                    connection.session.handle_activity(self.now);
                    let step = connection.session.handle(&packet);
                    let Packet::Publish(publish) = &packet else {
                        self.take_step(id, step, None);
                        continue;
                    };
                    match connection.session.aliased_topic(publish) {
                        None => self.take_step(id, step, Some(publish)),
                        Some(topic) => {
                            let publish = Publish {
                                topic: &topic,
                                ..*publish
                            };
                            self.take_step(id, step, Some(&publish));
                        }
                    }
                }
                Ok(Decoded::Incomplete { needed }) => {
                    connection.needed = needed;
                    break;
                }
                Err(error) => {
                    tracing::debug!(client = %connection.client_id, %error, "malformed packet");
                    let release = connection.session.lost();
                    let reason = error.reason();
                    self.close(
                        id,
                        Close {
                            reason,
                            detail: "malformed packet",
                            release,
                        },
                    );
                    break;
                }
            }
        }
        at
    }

    /// Does what the session wants; `publish` is the packet at hand if it is one.
    pub(super) fn take_step(
        &mut self,
        id: ConnectionId,
        step: Step<'_>,
        publish: Option<&Publish<'_>>,
    ) {
        match (step, publish) {
            (Step::Continue, _) => {}
            (Step::Send(reply), _) => self.reply(id, reply),
            (Step::Route, Some(publish)) => self.publish(id, publish),
            (Step::RouteAcknowledged(publishing), Some(publish)) => {
                self.publish_acknowledged(id, publishing, publish);
            }
            (Step::StartInbound { ticket, packet_id }, Some(publish)) => {
                self.start_inbound(id, ticket, packet_id, publish);
            }
            (Step::Route | Step::RouteAcknowledged(_) | Step::StartInbound { .. }, None) => {
                unreachable!("a session routes only the PUBLISH it was just given");
            }
            (
                Step::ReleaseInbound {
                    packet_id,
                    sequence,
                },
                _,
            ) => {
                self.release_inbound(id, packet_id, sequence);
            }
            (Step::Settled, _) => self.mark_settled(id),
            (Step::Subscribe(request), _) => self.subscribe(id, request),
            (Step::Unsubscribe(request), _) => self.unsubscribe(id, request),
            (Step::Release(release), _) => self.end(id, release),
            (Step::Close(close), _) => self.close(id, close),
        }
    }

    /// Appends a small packet of the session.
    pub(super) fn reply(&mut self, id: ConnectionId, reply: Reply) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        self.counters.replies_sent.add(1);
        reply.encode(
            connection.session.version(),
            connection.output.buffer(&mut self.pool),
        );
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Appends the acknowledgements whose turn has come.
    pub(super) fn send_acks(&mut self, id: ConnectionId) {
        while let Some(reply) = self
            .connections
            .get_mut(key(id))
            .and_then(|c| c.session.poll_ack())
        {
            self.reply(id, reply);
        }
    }

    /// The reason of a step that only ends things.
    pub(super) fn unavailable(&mut self, id: ConnectionId, detail: &'static str) {
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        let release = connection.session.lost();
        self.close(
            id,
            Close {
                reason: ReasonCode::ServerUnavailable,
                detail,
                release,
            },
        );
    }
}
