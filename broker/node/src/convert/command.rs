//! `Command` of a shard.

use std::sync::Arc;

use quorate_codec::PacketId;
use quorate_proto::log::{self, command::Kind};
use quorate_shard::{
    Acknowledge, Claim, Command, Enqueue, Epoch, Forget, InboundRelease, InboundStart, Message,
    Publish, Received, Reclaim, Release, ReleaseNode, Retain, Sequence, SessionId, ShareTurn,
    Subscribe, Unsubscribe, WillDone,
};

use super::malformed::{Malformed, narrow, present};
use super::outcome::decode_packet_id;
use super::{message, origin, subscription};

/// What a command costs besides the strings and payloads it carries, in bytes.
const COMMAND_BYTES: usize = 48;

pub(super) fn encode(command: Command) -> log::Command {
    let kind = match command {
        Command::Claim(claim) => Kind::Claim(encode_claim(claim)),
        Command::Release(release) => Kind::Release(log::Release {
            held: held(release.session, release.epoch),
            fire_will: release.fire_will,
            expiry_seconds: release.expiry_seconds,
        }),
        Command::ReleaseNode(release) => Kind::ReleaseNode(log::ReleaseNode {
            node: release.node,
            before: release.before,
        }),
        Command::Subscribe(subscribe) => Kind::Subscribe(log::Subscribe {
            held: held(subscribe.session, subscribe.epoch),
            subscriptions: subscribe
                .subscriptions
                .iter()
                .map(subscription::encode)
                .collect(),
        }),
        Command::Unsubscribe(unsubscribe) => Kind::Unsubscribe(log::Unsubscribe {
            held: held(unsubscribe.session, unsubscribe.epoch),
            filters: unsubscribe
                .filters
                .iter()
                .map(|f| String::from(&**f))
                .collect(),
        }),
        Command::Publish(publish) => Kind::Publish(log::Publish {
            message: Some(message::encode(publish.message)),
            publisher: publish.publisher.as_deref().map(String::from),
            origin: publish.origin.map(origin::encode),
            groups_only: !publish.plain,
            groups: publish.groups.iter().map(encode_turn).collect(),
        }),
        Command::Enqueue(enqueue) => Kind::Enqueue(log::Enqueue {
            held: held(enqueue.session, enqueue.epoch),
            messages: enqueue.messages.into_iter().map(message::encode).collect(),
            identifier: enqueue.identifier,
        }),
        Command::Acknowledge(ack) => {
            Kind::Acknowledge(sequences(ack.session, ack.epoch, ack.sequences))
        }
        Command::Received(received) => Kind::Received(sequences(
            received.session,
            received.epoch,
            received.sequences,
        )),
        Command::InboundStart(start) => {
            Kind::InboundStart(inbound(start.session, start.epoch, start.packet_id))
        }
        Command::InboundRelease(release) => {
            Kind::InboundRelease(inbound(release.session, release.epoch, release.packet_id))
        }
        Command::Forget(forget) => Kind::Forget(origin::encode(forget.origin)),
        Command::Retain(retain) => Kind::Retain(message::encode(retain.message)),
        Command::WillDone(done) => Kind::WillDone(log::Held {
            session: done.session,
            epoch: done.epoch,
        }),
        Command::Reclaim(reclaim) => Kind::Reclaim(String::from(&*reclaim.group)),
    };
    log::Command { kind: Some(kind) }
}

/// `source` is the length of the buffer the command was read from.
pub(super) fn decode(command: log::Command, source: usize) -> Result<Command, Malformed> {
    Ok(match present("command.kind", command.kind)? {
        Kind::Claim(claim) => Command::Claim(decode_claim(claim, source)?),
        Kind::Release(release) => Command::Release(decode_release(release)?),
        Kind::ReleaseNode(release) => Command::ReleaseNode(ReleaseNode {
            node: release.node,
            before: release.before,
        }),
        Kind::Subscribe(subscribe) => Command::Subscribe(decode_subscribe(subscribe)?),
        Kind::Unsubscribe(unsubscribe) => {
            let (session, epoch) = decode_held(unsubscribe.held)?;
            Command::Unsubscribe(Unsubscribe {
                session,
                epoch,
                filters: unsubscribe.filters.into_iter().map(Arc::from).collect(),
            })
        }
        Kind::Publish(publish) => Command::Publish(decode_publish(publish, source)?),
        Kind::Enqueue(enqueue) => Command::Enqueue(decode_enqueue(enqueue, source)?),
        Kind::Acknowledge(ack) => {
            let (session, epoch, sequences) = decode_sequences(ack)?;
            Command::Acknowledge(Acknowledge {
                session,
                epoch,
                sequences,
            })
        }
        Kind::Received(received) => {
            let (session, epoch, sequences) = decode_sequences(received)?;
            Command::Received(Received {
                session,
                epoch,
                sequences,
            })
        }
        Kind::InboundStart(start) => {
            let (session, epoch, packet_id) = decode_inbound(start)?;
            Command::InboundStart(InboundStart {
                session,
                epoch,
                packet_id,
            })
        }
        Kind::InboundRelease(release) => {
            let (session, epoch, packet_id) = decode_inbound(release)?;
            Command::InboundRelease(InboundRelease {
                session,
                epoch,
                packet_id,
            })
        }
        Kind::Forget(forget) => Command::Forget(Forget {
            origin: origin::decode(forget)?,
        }),
        Kind::Retain(retain) => Command::Retain(Retain {
            message: message::decode(retain, source)?,
        }),
        Kind::WillDone(done) => Command::WillDone(WillDone {
            session: done.session,
            epoch: done.epoch,
        }),
        Kind::Reclaim(group) => Command::Reclaim(Reclaim {
            group: group.into(),
        }),
    })
}

/// About how many bytes a command takes in a batch; for bounds, not exact.
pub(crate) fn weight(command: &Command) -> usize {
    let content = match command {
        Command::Claim(claim) => {
            let will = claim.will.as_ref();
            claim.client_id.len() + will.map_or(0, |will| message_weight(&will.message))
        }
        Command::Subscribe(subscribe) => {
            let filters = subscribe.subscriptions.iter();
            filters.map(|s| s.filter.len() + COMMAND_BYTES).sum()
        }
        Command::Unsubscribe(unsubscribe) => unsubscribe.filters.iter().map(|f| f.len() + 4).sum(),
        Command::Publish(publish) => {
            let groups: usize = publish
                .groups
                .iter()
                .map(|share| share.group.len() + 8)
                .sum();
            let publisher = publish.publisher.as_ref().map_or(0, |p| p.len());
            message_weight(&publish.message) + publisher + groups
        }
        Command::Enqueue(enqueue) => enqueue.messages.iter().map(message_weight).sum(),
        Command::Acknowledge(ack) => ack.sequences.len() * size_of::<Sequence>(),
        Command::Received(received) => received.sequences.len() * size_of::<Sequence>(),
        Command::Retain(retain) => message_weight(&retain.message),
        Command::Release(_)
        | Command::ReleaseNode(_)
        | Command::InboundStart(_)
        | Command::InboundRelease(_)
        | Command::Forget(_)
        | Command::WillDone(_) => 0,
        Command::Reclaim(reclaim) => reclaim.group.len(),
    };
    content + COMMAND_BYTES
}

fn message_weight(message: &Message) -> usize {
    message.topic.len() + message.properties.len() + message.payload.len()
}

fn held(session: SessionId, epoch: Epoch) -> Option<log::Held> {
    Some(log::Held { session, epoch })
}

fn decode_held(held: Option<log::Held>) -> Result<(SessionId, Epoch), Malformed> {
    let held = present("held", held)?;
    Ok((held.session, held.epoch))
}

fn encode_claim(claim: Claim) -> log::Claim {
    log::Claim {
        client_id: String::from(&*claim.client_id),
        node: claim.node,
        clean_start: claim.clean_start,
        expiry_seconds: claim.expiry_seconds,
        window: claim.window.into(),
        will: claim.will.map(message::encode_will),
    }
}

fn decode_claim(claim: log::Claim, source: usize) -> Result<Claim, Malformed> {
    let will = claim.will.map(|will| message::decode_will(will, source));
    Ok(Claim {
        client_id: claim.client_id.into(),
        node: claim.node,
        clean_start: claim.clean_start,
        expiry_seconds: claim.expiry_seconds,
        window: narrow("claim.window", claim.window)?,
        will: will.transpose()?,
    })
}

fn decode_release(release: log::Release) -> Result<Release, Malformed> {
    let (session, epoch) = decode_held(release.held)?;
    Ok(Release {
        session,
        epoch,
        fire_will: release.fire_will,
        expiry_seconds: release.expiry_seconds,
    })
}

fn decode_subscribe(subscribe: log::Subscribe) -> Result<Subscribe, Malformed> {
    let (session, epoch) = decode_held(subscribe.held)?;
    let subscriptions = subscribe.subscriptions.into_iter();
    Ok(Subscribe {
        session,
        epoch,
        subscriptions: subscriptions
            .map(subscription::decode)
            .collect::<Result<_, _>>()?,
    })
}

fn decode_publish(publish: log::Publish, source: usize) -> Result<Publish, Malformed> {
    let message = present("publish.message", publish.message)?;
    Ok(Publish {
        message: message::decode(message, source)?,
        publisher: publish.publisher.map(Arc::from),
        origin: publish.origin.map(origin::decode).transpose()?,
        plain: !publish.groups_only,
        groups: publish.groups.into_iter().map(decode_turn).collect(),
    })
}

fn encode_turn(share: &ShareTurn) -> log::ShareTurn {
    log::ShareTurn {
        group: String::from(&*share.group),
        turn: share.turn,
    }
}

fn decode_turn(share: log::ShareTurn) -> ShareTurn {
    ShareTurn {
        group: share.group.into(),
        turn: share.turn,
    }
}

fn decode_enqueue(enqueue: log::Enqueue, source: usize) -> Result<Enqueue, Malformed> {
    let (session, epoch) = decode_held(enqueue.held)?;
    let messages = enqueue.messages.into_iter();
    Ok(Enqueue {
        session,
        epoch,
        messages: messages
            .map(|message| message::decode(message, source))
            .collect::<Result<_, _>>()?,
        identifier: enqueue.identifier,
    })
}

fn sequences(session: SessionId, epoch: Epoch, sequences: Vec<Sequence>) -> log::Sequences {
    log::Sequences {
        held: held(session, epoch),
        sequences,
    }
}

fn decode_sequences(
    message: log::Sequences,
) -> Result<(SessionId, Epoch, Vec<Sequence>), Malformed> {
    let (session, epoch) = decode_held(message.held)?;
    Ok((session, epoch, message.sequences))
}

fn inbound(session: SessionId, epoch: Epoch, packet_id: PacketId) -> log::Inbound {
    log::Inbound {
        held: held(session, epoch),
        packet_id: packet_id.get().into(),
    }
}

fn decode_inbound(message: log::Inbound) -> Result<(SessionId, Epoch, PacketId), Malformed> {
    let (session, epoch) = decode_held(message.held)?;
    let packet_id = decode_packet_id(message.packet_id)?;
    Ok((session, epoch, packet_id))
}
