//! What a shard's leader and the node that holds a session's connection say to each other: attach, detach,
//! deliveries, closes.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::{log, peer};
use quorate_shard::{
    Delivery, DeliveryPacket, DeliveryPublish, Epoch, Message, Millis, Sequence, SessionId, ShardId,
};

use super::malformed::{Malformed, narrow, present};
use super::message;

/// A session and the claim it is held under.
pub(crate) type Held = (SessionId, Epoch);

/// A piece of one session's queue, with what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) held: Held,
    /// Everything up to here was handed over before; 0 begins again.
    pub(crate) after: Sequence,
    /// Everything up to here is handed over with this.
    pub(crate) up_to: Sequence,
    pub(crate) deliveries: Vec<Delivery>,
}

/// What was not taken of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NotTaken {
    /// Something before it did not arrive: begin again.
    pub(crate) again: Vec<Held>,
    /// The connection is gone.
    pub(crate) gone: Vec<Held>,
}

/// Which connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CloseRequest {
    /// Any that holds the client id under an older claim than this.
    Client(Arc<str>, Epoch),
    /// The one that holds the session.
    Session(ShardId, Held),
}

pub(crate) fn encode_sessions(shard: ShardId, sessions: &[Held]) -> Bytes {
    let message = peer::SessionsRequest {
        shard: shard.into(),
        sessions: encode_all(sessions),
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_sessions(bytes: Bytes) -> Result<(ShardId, Vec<Held>), Malformed> {
    let message = peer::SessionsRequest::decode(bytes)?;
    let shard = narrow("sessions.shard", message.shard)?;
    Ok((shard, decode_all(message.sessions)))
}

/// Each message is encoded once, however many sessions get it.
pub(crate) fn encode_deliver(shard: ShardId, now: Millis, pieces: &[Piece]) -> Bytes {
    let mut messages = Messages::default();
    let sessions = pieces.iter().map(|piece| peer::deliver_request::Session {
        held: Some(encode_held(piece.held)),
        after: piece.after,
        up_to: piece.up_to,
        packets: piece
            .deliveries
            .iter()
            .map(|delivery| encode_packet(delivery, &mut messages))
            .collect(),
    });
    let sessions = sessions.collect();
    let message = peer::DeliverRequest {
        shard: shard.into(),
        now,
        messages: messages.encoded,
        sessions,
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_deliver(bytes: Bytes) -> Result<(ShardId, Millis, Vec<Piece>), Malformed> {
    let source = bytes.len();
    let request = peer::DeliverRequest::decode(bytes)?;
    let messages = request.messages.into_iter();
    let messages = messages.map(|encoded| message::decode(encoded, source).map(Arc::new));
    let messages: Vec<Arc<Message>> = messages.collect::<Result<_, _>>()?;
    let pieces = request.sessions.into_iter().map(|session| {
        let packets = session.packets.into_iter();
        Ok(Piece {
            held: decode_held(present("deliver.held", session.held)?),
            after: session.after,
            up_to: session.up_to,
            deliveries: packets
                .map(|packet| decode_packet(packet, &messages))
                .collect::<Result<_, Malformed>>()?,
        })
    });
    let pieces = pieces.collect::<Result<_, Malformed>>()?;
    Ok((narrow("deliver.shard", request.shard)?, request.now, pieces))
}

pub(crate) fn encode_not_taken(not_taken: &NotTaken) -> Bytes {
    let message = peer::DeliverReply {
        again: encode_all(&not_taken.again),
        gone: encode_all(&not_taken.gone),
    };
    message.encode_to_vec().into()
}

pub(crate) fn decode_not_taken(bytes: Bytes) -> Result<NotTaken, Malformed> {
    let message = peer::DeliverReply::decode(bytes)?;
    Ok(NotTaken {
        again: decode_all(message.again),
        gone: decode_all(message.gone),
    })
}

pub(crate) fn encode_close(request: &CloseRequest) -> Bytes {
    use peer::close_request::{Client, Session, What};
    let what = match request {
        CloseRequest::Client(client_id, epoch) => What::Client(Client {
            client_id: String::from(&**client_id),
            epoch: *epoch,
        }),
        CloseRequest::Session(shard, held) => What::Session(Session {
            shard: (*shard).into(),
            held: Some(encode_held(*held)),
        }),
    };
    peer::CloseRequest { what: Some(what) }
        .encode_to_vec()
        .into()
}

pub(crate) fn decode_close(bytes: Bytes) -> Result<CloseRequest, Malformed> {
    use peer::close_request::What;
    let message = peer::CloseRequest::decode(bytes)?;
    Ok(match present("close.what", message.what)? {
        What::Client(client) => CloseRequest::Client(client.client_id.into(), client.epoch),
        What::Session(session) => CloseRequest::Session(
            narrow("close.shard", session.shard)?,
            decode_held(present("close.held", session.held)?),
        ),
    })
}

/// Messages of one frame, each with its place.
#[derive(Default)]
struct Messages {
    encoded: Vec<log::Message>,
    places: HashMap<*const Message, u32, foldhash::fast::FixedState>,
}

impl Messages {
    /// The message's place, counted from 1.
    fn place(&mut self, message: &Arc<Message>) -> u32 {
        let encoded = &mut self.encoded;
        let place = self.places.entry(Arc::as_ptr(message)).or_insert_with(|| {
            encoded.push(message::encode(Message::clone(message)));
            u32::try_from(encoded.len()).unwrap_or(u32::MAX)
        });
        *place
    }
}

fn encode_packet(delivery: &Delivery, messages: &mut Messages) -> peer::deliver_request::Packet {
    let sequence = delivery.sequence;
    match &delivery.packet {
        DeliveryPacket::Publish(publish) => peer::deliver_request::Packet {
            sequence,
            message: messages.place(&publish.message),
            qos: publish.qos as u32,
            retain: publish.retain,
            dup: publish.dup,
            identifiers: publish.identifiers.to_vec(),
            expires_at: publish.expires_at,
        },
        DeliveryPacket::PubRel => peer::deliver_request::Packet {
            sequence,
            ..peer::deliver_request::Packet::default()
        },
    }
}

fn decode_packet(
    packet: peer::deliver_request::Packet,
    messages: &[Arc<Message>],
) -> Result<Delivery, Malformed> {
    let sequence = packet.sequence;
    let Some(place) = packet.message.checked_sub(1) else {
        let packet = DeliveryPacket::PubRel;
        return Ok(Delivery { sequence, packet });
    };
    let message = messages
        .get(place as usize)
        .ok_or_else(|| Malformed::Range {
            field: "packet.message",
            value: packet.message.into(),
        })?;
    // A session panics on a durable delivery at QoS 0, which none is.
    let qos = match message::decode_qos(packet.qos)? {
        quorate_codec::QoS::AtMostOnce => {
            return Err(Malformed::Range {
                field: "packet.qos",
                value: 0,
            });
        }
        qos @ (quorate_codec::QoS::AtLeastOnce | quorate_codec::QoS::ExactlyOnce) => qos,
    };
    let packet = DeliveryPacket::Publish(DeliveryPublish {
        message: Arc::clone(message),
        qos,
        retain: packet.retain,
        dup: packet.dup,
        identifiers: packet.identifiers.into(),
        expires_at: packet.expires_at,
    });
    Ok(Delivery { sequence, packet })
}

fn encode_all(sessions: &[Held]) -> Vec<log::Held> {
    sessions.iter().copied().map(encode_held).collect()
}

fn decode_all(sessions: Vec<log::Held>) -> Vec<Held> {
    sessions.into_iter().map(decode_held).collect()
}

fn encode_held((session, epoch): Held) -> log::Held {
    log::Held { session, epoch }
}

fn decode_held(held: log::Held) -> Held {
    (held.session, held.epoch)
}
