//! `Outcome` of a shard's command; kept in snapshots for repeated batches.

use quorate_codec::PacketId;
use quorate_proto::log::{self, outcome::Kind};
use quorate_shard::{Claimed, Outcome, Owner};

use super::malformed::{Malformed, narrow, present};
use super::subscription;

type Plain = log::outcome::Plain;

pub(super) fn encode(outcome: &Outcome) -> log::Outcome {
    let kind = match outcome {
        Outcome::Done => Kind::Plain(Plain::Done.into()),
        Outcome::Stale => Kind::Plain(Plain::Stale.into()),
        Outcome::QuotaExceeded => Kind::Plain(Plain::QuotaExceeded.into()),
        Outcome::Claimed(claimed) => Kind::Claimed(encode_claimed(claimed)),
        Outcome::Subscribed(flags) => Kind::Subscribed(log::outcome::Flags {
            flags: flags.clone(),
        }),
        Outcome::Unsubscribed(flags) => Kind::Unsubscribed(log::outcome::Flags {
            flags: flags.clone(),
        }),
        Outcome::Published(sessions) => Kind::Published(*sessions),
        Outcome::InboundStarted { sequence, fresh } => {
            Kind::InboundStarted(log::outcome::InboundStarted {
                sequence: *sequence,
                fresh: *fresh,
            })
        }
        Outcome::InboundReleased(sequence) => {
            Kind::InboundReleased(log::outcome::InboundReleased {
                sequence: *sequence,
            })
        }
    };
    log::Outcome { kind: Some(kind) }
}

pub(super) fn decode(outcome: log::Outcome) -> Result<Outcome, Malformed> {
    Ok(match present("outcome.kind", outcome.kind)? {
        Kind::Plain(plain) => decode_plain(plain)?,
        Kind::Claimed(claimed) => Outcome::Claimed(Box::new(decode_claimed(claimed)?)),
        Kind::Subscribed(flags) => Outcome::Subscribed(flags.flags),
        Kind::Unsubscribed(flags) => Outcome::Unsubscribed(flags.flags),
        Kind::Published(sessions) => Outcome::Published(sessions),
        Kind::InboundStarted(started) => Outcome::InboundStarted {
            sequence: started.sequence,
            fresh: started.fresh,
        },
        Kind::InboundReleased(released) => Outcome::InboundReleased(released.sequence),
    })
}

pub(super) fn encode_owner(owner: Owner) -> log::Owner {
    log::Owner {
        node: owner.node,
        epoch: owner.epoch,
    }
}

pub(super) fn decode_owner(owner: log::Owner) -> Owner {
    Owner {
        node: owner.node,
        epoch: owner.epoch,
    }
}

pub(super) fn encode_packet(packet_id: PacketId, sequence: u64) -> log::InboundPacket {
    log::InboundPacket {
        packet_id: packet_id.get().into(),
        sequence,
    }
}

pub(super) fn decode_packet(packet: log::InboundPacket) -> Result<(PacketId, u64), Malformed> {
    Ok((decode_packet_id(packet.packet_id)?, packet.sequence))
}

pub(super) fn decode_packet_id(value: u32) -> Result<PacketId, Malformed> {
    let number: u16 = narrow("packet_id", value)?;
    PacketId::new(number).ok_or(Malformed::Range {
        field: "packet_id",
        value: 0,
    })
}

fn decode_plain(plain: i32) -> Result<Outcome, Malformed> {
    Ok(match Plain::try_from(plain) {
        Ok(Plain::Done) => Outcome::Done,
        Ok(Plain::Stale) => Outcome::Stale,
        Ok(Plain::QuotaExceeded) => Outcome::QuotaExceeded,
        Err(unknown) => {
            return Err(Malformed::Range {
                field: "outcome.plain",
                value: u64::from(unknown.0.unsigned_abs()),
            });
        }
    })
}

fn encode_claimed(claimed: &Claimed) -> log::outcome::Claimed {
    let inbound = claimed.inbound.iter();
    log::outcome::Claimed {
        held: Some(log::Held {
            session: claimed.session,
            epoch: claimed.epoch,
        }),
        present: claimed.present,
        durable: claimed.durable,
        previous: claimed.previous.map(encode_owner),
        subscriptions: claimed
            .subscriptions
            .iter()
            .map(subscription::encode)
            .collect(),
        inbound: inbound
            .map(|(id, sequence)| encode_packet(*id, *sequence))
            .collect(),
    }
}

fn decode_claimed(claimed: log::outcome::Claimed) -> Result<Claimed, Malformed> {
    let held = present("claimed.held", claimed.held)?;
    let subscriptions = claimed.subscriptions.into_iter();
    let inbound = claimed.inbound.into_iter();
    Ok(Claimed {
        session: held.session,
        epoch: held.epoch,
        present: claimed.present,
        durable: claimed.durable,
        previous: claimed.previous.map(decode_owner),
        subscriptions: subscriptions
            .map(subscription::decode)
            .collect::<Result<_, _>>()?,
        inbound: inbound.map(decode_packet).collect::<Result<_, _>>()?,
    })
}
