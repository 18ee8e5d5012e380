//! The [`Session`] itself: its parts, its input by packet kind, its getters. The rules are in
//! `handle_<packet>.rs`.

use std::sync::Arc;

use quorate_codec::{Disconnect, Packet, PacketKind, ReasonCode, Version};

use crate::deliver::Outbound;
use crate::inbound::Inbound;
use crate::input::{ClientLimits, Mode, SessionStart};
use crate::keep_alive::KeepAlive;
use crate::limits::Limits;
use crate::output::{Close, Release, Reply, Step};
use crate::topic_alias::Aliases;
use crate::will;

/// One client's protocol state. See the crate for the grammar; small, because an idle connection has one.
#[derive(Debug)]
pub struct Session {
    pub(crate) limits: Arc<Limits>,
    pub(crate) version: Version,
    pub(crate) client: ClientLimits,
    pub(crate) expiry_seconds: u32,
    keep_alive: KeepAlive,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) subscriptions: u32,
    /// SUBSCRIBEs and UNSUBSCRIBEs that wait for their result.
    pub(crate) operations: u16,
    pub(crate) aliases: Option<Box<Aliases>>,
}

impl Session {
    /// The session of an accepted CONNECT.
    pub fn new(start: SessionStart, limits: Arc<Limits>) -> Self {
        let window = limits.window(start.client.receive_maximum);
        let (outbound, taken, subscriptions) = match start.mode {
            Mode::Clean => (Outbound::clean(window), Vec::new(), 0),
            Mode::Durable {
                inbound,
                subscriptions,
            } => (Outbound::durable(window), inbound, subscriptions),
        };
        let mut client = start.client;
        let aliases_max = limits.outbound_topic_aliases_max;
        client.topic_alias_maximum = client.topic_alias_maximum.min(aliases_max);
        Self {
            aliases: None,
            limits,
            version: start.version,
            client,
            expiry_seconds: start.expiry_seconds,
            keep_alive: KeepAlive::new(start.now, start.keep_alive_seconds),
            inbound: Inbound::new(taken),
            outbound,
            subscriptions,
            operations: 0,
        }
    }

    /// Any packet. The worker may also call the method of a packet's kind.
    pub fn handle<'p>(&mut self, packet: &Packet<'p>) -> Step<'p> {
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish),
            Packet::PubAck(puback) => self.handle_puback(puback),
            Packet::PubRec(pubrec) => self.handle_pubrec(pubrec),
            Packet::PubRel(pubrel) => self.handle_pubrel(pubrel),
            Packet::PubComp(pubcomp) => self.handle_pubcomp(pubcomp),
            Packet::Subscribe(subscribe) => self.handle_subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(unsubscribe),
            Packet::PingReq => Step::Send(Reply::PingResp),
            Packet::Disconnect(disconnect) => self.handle_disconnect(disconnect),
            Packet::Auth(_) => protocol_error("AUTH without an authentication method in CONNECT"),
            Packet::Connect(_) => protocol_error("second CONNECT"),
            Packet::ConnAck(_) => protocol_error("CONNACK from a client"),
            Packet::SubAck(_) => protocol_error("SUBACK from a client"),
            Packet::UnsubAck(_) => protocol_error("UNSUBACK from a client"),
            Packet::PingResp => protocol_error("PINGRESP from a client"),
        }
    }

    /// A whole packet, or several of one read, came at `now` (milliseconds). Bytes that complete no
    /// packet do not count (MQTT-3.1.2-22).
    pub fn handle_activity(&mut self, now: u64) {
        self.keep_alive.heard(now);
    }

    /// The worker's timer for [`Session::keep_alive_deadline`] has come; the deadline may have moved.
    pub fn handle_timeout(&mut self, now: u64) -> Step<'static> {
        if self.keep_alive.is_over(now) {
            return close(ReasonCode::KeepAliveTimeout, "keep-alive time passed");
        }
        Step::Continue
    }

    /// When the client has been silent for too long (milliseconds); `None` without keep-alive.
    pub fn keep_alive_deadline(&self) -> Option<u64> {
        self.keep_alive.deadline()
    }

    /// Whether the worker should go on reading the connection. `false` once too many of its PUBLISHes
    /// or subscribe operations wait for their result; true again as results come.
    pub fn accepts_input(&self) -> bool {
        self.inbound.pending() < usize::from(self.limits.inbound_pending_max)
            && self.operations < self.limits.operations_max
    }

    /// Whether PUBLISHes of this connection are still on their way to those who keep them.
    pub fn is_publishing(&self) -> bool {
        self.inbound.pending() > 0
    }

    /// Protocol version, for the encoder.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether a packet of this encoded size may be sent to the client (MQTT-3.1.2-24); one that may
    /// not is treated as delivered (MQTT-3.1.2-25).
    pub fn fits(&self, packet_bytes: usize) -> bool {
        packet_bytes <= self.client.maximum_packet_size as usize
    }

    /// What the client can take, within our own limits.
    pub fn client_limits(&self) -> &ClientLimits {
        &self.client
    }

    /// The DISCONNECT to send before we close; `None` for a client that knows none from a server. The
    /// reason string goes if the client's maximum packet size lets it (MQTT-3.14.2-3).
    pub fn disconnect(
        &self,
        reason: ReasonCode,
        detail: &'static str,
    ) -> Option<Disconnect<'static>> {
        /// All of the packet but the string, while its lengths take one byte each.
        const OTHER_BYTES: usize = 7;
        if !self.version.is_v5() {
            return None;
        }
        // A malformed second CONNECT, for instance, has a reason that only CONNACK may give.
        let reason = if reason.is_allowed_in(PacketKind::Disconnect) {
            reason
        } else {
            ReasonCode::ProtocolError
        };
        let mut disconnect = Disconnect::new(reason);
        if self.fits(detail.len() + OTHER_BYTES) {
            disconnect.properties.reason_string = Some(detail);
        }
        Some(disconnect)
    }

    /// How the session is given back when the connection just ends.
    pub fn lost(&self) -> Release {
        will::LOST
    }
}

/// Ends the connection by our decision.
pub(crate) fn close(reason: ReasonCode, detail: &'static str) -> Step<'static> {
    Step::Close(Close {
        reason,
        detail,
        release: will::LOST,
    })
}

pub(crate) fn protocol_error(detail: &'static str) -> Step<'static> {
    close(ReasonCode::ProtocolError, detail)
}
