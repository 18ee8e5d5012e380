//! The end of a connection: the session given back, its subscriptions out of the table, DISCONNECT for
//! those who understand it. The socket is closed at the end of the turn, after a last write.

use std::sync::Arc;

use quorate_codec::{Packet, ReasonCode};
use quorate_router::ConnectionId;
use quorate_session::{Close, Release};
use quorate_shard::{Command, Epoch, SessionId, ShardId};

use super::connection::State;
use super::core::{Core, key};
use super::inbox::Confirm;
use super::outbox::Errand;

/// Reason strings of endings that the session does not decide.
const TAKEN_OVER: &str = "another connection has this client identifier";
const CUT_OFF: &str = "this node is cut off from its cluster";

impl Core {
    /// The socket ended or failed.
    pub fn handle_end(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(key(id)) {
            let release = connection.session.lost();
            self.end(id, release);
        }
    }

    /// The broker ends the connection; an MQTT 5 client is told why.
    pub(super) fn close(&mut self, id: ConnectionId, close: Close) {
        let Some(connection) = self.connections.get(key(id)).filter(|c| c.is_open()) else {
            return;
        };
        tracing::debug!(client = %connection.client_id, reason = ?close.reason, detail = close.detail, "closing");
        self.send_disconnect(id, close.reason, close.detail);
        self.end(id, close.release);
    }

    fn send_disconnect(&mut self, id: ConnectionId, reason: ReasonCode, detail: &'static str) {
        let Some(connection) = self.connections.get(key(id)) else {
            return;
        };
        if let Some(disconnect) = connection.session.disconnect(reason, detail) {
            self.send(id, &Packet::Disconnect(disconnect));
        }
    }

    /// The session is given back like this, and the connection ends.
    pub(super) fn end(&mut self, id: ConnectionId, release: Release) {
        // What came right before the end counts.
        self.report(id);
        let Some(connection) = self.connections.get(key(id)).filter(|c| c.is_open()) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        let release = quorate_shard::Release {
            session,
            epoch,
            fire_will: release.fire_will,
            expiry_seconds: release.expiry_seconds,
        };
        if connection.durable && connection.session.is_publishing() {
            // Its next node begins when it is free, and must not be overtaken by what is on its way from here: a
            // QoS 2 message would be new again once it is forgotten (P4).
            self.outbox.errands.push(Errand::Release { shard, release });
        } else {
            self.request_unanswered(shard, Command::Release(release));
        }
        self.leave(id);
    }

    /// Takes the connection out of everything that would send to it.
    fn leave(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        connection.state = State::Ended;
        let loans = Self::take_loans(connection);
        connection.carried = Vec::new();
        let filters = std::mem::take(&mut connection.filters);
        self.subscriptions -= filters.len() as u64;
        let interest = &mut self.outbox.interest;
        self.table.remove_connection(
            id,
            filters.iter().map(|filter| &**filter),
            |filter, changed| {
                interest.push((Arc::from(filter), changed));
            },
        );
        self.registry.close(&connection.client_id, connection.epoch);
        if connection.durable {
            let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
            if self.durable.get(&(shard, session)) == Some(&id) {
                self.durable.remove(&(shard, session));
            }
            self.outbox.errands.push(Errand::Detach {
                shard,
                session,
                epoch,
            });
        }
        self.ended.push(id);
        if !self.shutting_down {
            self.lend_again(loans);
        }
    }

    /// A newer claim has the client id: the older connection ends, its session goes on (MQTT-3.1.4-3).
    pub(super) fn take_over(&mut self, id: ConnectionId, closed: Confirm) {
        if self
            .connections
            .get(key(id))
            .is_some_and(super::connection::Connection::is_open)
        {
            self.send_disconnect(id, ReasonCode::SessionTakenOver, TAKEN_OVER);
            self.leave(id);
        }
        // After what it has asked for was handed out.
        self.outbox.confirmed.push(closed);
    }

    /// A durable session was claimed by somebody else; a clean one's connection is found by its client id.
    pub(super) fn session_ended(&mut self, shard: ShardId, session: SessionId, epoch: Epoch) {
        let Some(id) = self.durable.get(&(shard, session)).copied() else {
            return;
        };
        if self
            .connections
            .get(key(id))
            .is_some_and(|c| c.is_open() && c.epoch == epoch)
        {
            self.send_disconnect(id, ReasonCode::SessionTakenOver, TAKEN_OVER);
            self.leave(id);
        }
    }

    /// This node may not speak for its cluster any more: no client is told anything but that, in MQTT 5.
    pub(super) fn send_away(&mut self) {
        for id in self.open_connections() {
            let Some(connection) = self.connections.get_mut(key(id)) else {
                continue;
            };
            // An acknowledgement that waits here may be wrong by now.
            let whole = connection.output.discard();
            let release = connection.session.lost();
            tracing::debug!(client = %connection.client_id, "sent away: the lease is lost");
            if whole {
                self.send_disconnect(id, ReasonCode::ServerUnavailable, CUT_OFF);
            }
            self.end(id, release);
        }
    }

    fn open_connections(&self) -> Vec<ConnectionId> {
        let open = self.connections.iter().filter(|(_, c)| c.is_open());
        open.map(|(found, _)| super::core::connection_id(found))
            .collect()
    }

    /// The node ends: every client is told, every session given back.
    pub(super) fn shut_down(&mut self) {
        self.shutting_down = true;
        for id in self.open_connections() {
            let Some(connection) = self.connections.get(key(id)) else {
                continue;
            };
            let release = connection.session.lost();
            self.close(
                id,
                Close {
                    reason: ReasonCode::ServerShuttingDown,
                    detail: "shutting down",
                    release,
                },
            );
        }
    }
}
