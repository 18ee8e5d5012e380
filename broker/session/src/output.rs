//! What a session tells its worker to do. Closed enums; the worker matches them exhaustively.

use quorate_codec::{
    AckKind, PacketId, ReasonCode, Version, encode_ack_with_reason, encode_pingresp,
};

use crate::handle_publish::Publishing;
use crate::handle_subscribe::SubscribeRequest;
use crate::handle_unsubscribe::UnsubscribeRequest;
use crate::inbound::Ticket;

/// The one thing to do after an input.
#[derive(Debug)]
#[must_use]
pub enum Step<'p> {
    /// Nothing.
    Continue,
    /// Append this packet to the client's output.
    Send(Reply),
    /// Route the PUBLISH just handled; it is at QoS 0 and has no acknowledgement.
    Route,
    /// Route the PUBLISH just handled, then either [`crate::Session::publish_completed`] at once, or
    /// [`crate::Session::publish_deferred`] and later [`crate::Session::publish_done`].
    RouteAcknowledged(Publishing),
    /// Keep a copy of the PUBLISH just handled and propose `InboundStart` for its packet id. On its
    /// outcome call [`crate::Session::inbound_started`], then route the copy with that origin, then
    /// [`crate::Session::publish_done`]. Nothing may go out before (P4).
    StartInbound {
        /// Names the PUBLISH until it is done.
        ticket: Ticket,
        /// The packet id to take.
        packet_id: PacketId,
    },
    /// Propose `InboundRelease` for the packet id and `Forget` for the origin with this sequence, then
    /// call [`crate::Session::inbound_released`].
    ReleaseInbound {
        /// The packet id to give back.
        packet_id: PacketId,
        /// What the shard called it.
        sequence: u64,
    },
    /// A delivery moved on: [`crate::Session::poll_acknowledged`] and
    /// [`crate::Session::poll_received`] may have something this turn, and [`crate::Session::room`]
    /// may have grown, so send what waits.
    Settled,
    /// Put these subscriptions in force, then [`crate::Session::subscribe_done`] and SUBACK.
    Subscribe(SubscribeRequest<'p>),
    /// Remove these subscriptions, then [`crate::Session::unsubscribe_done`] and UNSUBACK.
    Unsubscribe(UnsubscribeRequest<'p>),
    /// The client said goodbye: release the session like this and close the connection.
    Release(Release),
    /// Close the connection, with [`crate::Session::disconnect`] first.
    Close(Close),
}

/// A small packet for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Acknowledge {
        /// Which of them.
        kind: AckKind,
        /// Packet id of the PUBLISH.
        packet_id: PacketId,
        /// What became of it; only MQTT 5 can say so.
        reason: ReasonCode,
    },
    /// Answer to PINGREQ.
    PingResp,
}

impl Reply {
    pub(crate) fn new(kind: AckKind, packet_id: PacketId, reason: ReasonCode) -> Self {
        Self::Acknowledge {
            kind,
            packet_id,
            reason,
        }
    }

    /// Appends the packet.
    pub fn encode(self, version: Version, out: &mut Vec<u8>) {
        match self {
            Self::Acknowledge {
                kind,
                packet_id,
                reason,
            } => encode_ack_with_reason(kind, packet_id, reason, version, out),
            Self::PingResp => encode_pingresp(out),
        }
    }
}

/// How the session is given back to its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Whether the will fires (after its delay) or is dropped.
    pub fire_will: bool,
    /// Session expiry interval that DISCONNECT changed, in seconds.
    pub expiry_seconds: Option<u32>,
}

/// Why and how the broker ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// For DISCONNECT; an MQTT 3.1.1 client just sees the connection end.
    pub reason: ReasonCode,
    /// What happened, for the log and for DISCONNECT's reason string.
    pub detail: &'static str,
    /// How the session is given back.
    pub release: Release,
}
