//! `Record` of a shard's snapshot.

use std::sync::Arc;

use quorate_proto::log::{self, shard_record as wire, shard_record::Kind};
use quorate_shard::{
    Claimant, DelayedWill, DurableRecord, EntryRecord, HeaderRecord, MessageRecord, PendingWill,
    ProposerRecord, Record, Retained, SessionRecord,
};

use super::malformed::{Malformed, narrow, present};
use super::message::decode_qos;
use super::{message, origin, outcome, subscription};

pub(super) fn encode(record: Record) -> log::ShardRecord {
    let kind = match record {
        Record::Header(header) => Kind::Header(wire::Header {
            shard: header.shard.into(),
            applied: header.applied,
            time: header.time,
            session_last: header.session_last,
            epoch_last: header.epoch_last,
            message_last: header.message_last,
        }),
        Record::Proposer(proposer) => Kind::Proposer(encode_proposer(&proposer)),
        Record::Message(queued) => Kind::Message(wire::QueuedMessage {
            id: queued.id,
            message: Some(message::encode(Arc::unwrap_or_clone(queued.message))),
        }),
        Record::Session(session) => Kind::Session(encode_session(*session)),
        Record::Subscription(subscription) => {
            Kind::Subscription(subscription::encode(&subscription))
        }
        Record::Inbound {
            packet_id,
            sequence,
        } => Kind::Inbound(outcome::encode_packet(packet_id, sequence)),
        Record::Entry(entry) => Kind::Entry(encode_entry(entry)),
        Record::PendingWill(will) => Kind::PendingWill(wire::PendingWill {
            held: Some(log::Held {
                session: will.session,
                epoch: will.epoch,
            }),
            client_id: String::from(&*will.client_id),
            message: Some(message::encode(will.message)),
            group: will.group.as_deref().map(String::from),
        }),
        Record::Mark(origin) => Kind::Mark(origin::encode(origin)),
        Record::Forgettable(origin) => Kind::Forgettable(origin::encode(origin)),
        Record::Retained(retained) => Kind::Retained(wire::Retained {
            message: Some(message::encode(Arc::unwrap_or_clone(retained.message))),
            expires_at: retained.expires_at,
        }),
        Record::End { records } => Kind::End(records),
    };
    log::ShardRecord { kind: Some(kind) }
}

/// `source` is the length of the buffer the record was read from.
pub(super) fn decode(record: log::ShardRecord, source: usize) -> Result<Record, Malformed> {
    Ok(match present("shard_record.kind", record.kind)? {
        Kind::Header(header) => Record::Header(HeaderRecord {
            shard: narrow("header.shard", header.shard)?,
            applied: header.applied,
            time: header.time,
            session_last: header.session_last,
            epoch_last: header.epoch_last,
            message_last: header.message_last,
        }),
        Kind::Proposer(proposer) => Record::Proposer(decode_proposer(proposer)?),
        Kind::Message(queued) => Record::Message(MessageRecord {
            id: queued.id,
            message: Arc::new(decode_message(queued.message, source)?),
        }),
        Kind::Session(session) => Record::Session(Box::new(decode_session(session, source)?)),
        Kind::Subscription(subscription) => {
            Record::Subscription(subscription::decode(subscription)?)
        }
        Kind::Inbound(packet) => {
            let (packet_id, sequence) = outcome::decode_packet(packet)?;
            Record::Inbound {
                packet_id,
                sequence,
            }
        }
        Kind::Entry(entry) => Record::Entry(decode_entry(entry)?),
        Kind::PendingWill(will) => {
            let held = present("pending_will.held", will.held)?;
            Record::PendingWill(PendingWill {
                session: held.session,
                epoch: held.epoch,
                client_id: will.client_id.into(),
                message: decode_message(will.message, source)?,
                group: will.group.map(Arc::from),
            })
        }
        Kind::Mark(origin) => Record::Mark(origin::decode(origin)?),
        Kind::Forgettable(origin) => Record::Forgettable(origin::decode(origin)?),
        Kind::Retained(retained) => Record::Retained(Retained {
            message: Arc::new(decode_message(retained.message, source)?),
            expires_at: retained.expires_at,
        }),
        Kind::End(records) => Record::End { records },
    })
}

fn decode_message(
    message: Option<log::Message>,
    source: usize,
) -> Result<quorate_shard::Message, Malformed> {
    message::decode(present("message", message)?, source)
}

fn encode_proposer(proposer: &ProposerRecord) -> wire::Proposer {
    let batches = proposer.outcomes.iter();
    wire::Proposer {
        node: proposer.node,
        incarnation: proposer.incarnation,
        applied: proposer.applied,
        sequence: proposer.sequence,
        outcomes: batches
            .map(|batch| wire::Outcomes {
                outcomes: batch.iter().map(outcome::encode).collect(),
            })
            .collect(),
    }
}

fn decode_proposer(proposer: wire::Proposer) -> Result<ProposerRecord, Malformed> {
    let batches = proposer.outcomes.into_iter();
    let decode_batch =
        |batch: wire::Outcomes| batch.outcomes.into_iter().map(outcome::decode).collect();
    Ok(ProposerRecord {
        node: proposer.node,
        incarnation: proposer.incarnation,
        applied: proposer.applied,
        sequence: proposer.sequence,
        outcomes: batches.map(decode_batch).collect::<Result<_, _>>()?,
    })
}

fn encode_session(session: SessionRecord) -> wire::Session {
    wire::Session {
        session: session.session,
        client_id: String::from(&*session.client_id),
        claimant: session.claimant.map(|claimant| wire::Claimant {
            owner: Some(outcome::encode_owner(claimant.owner)),
            incarnation: claimant.incarnation,
        }),
        expiry_seconds: session.expiry_seconds,
        will: session.will.map(message::encode_will),
        durable: session.durable.map(encode_durable),
    }
}

fn decode_session(session: wire::Session, source: usize) -> Result<SessionRecord, Malformed> {
    let will = session.will.map(|will| message::decode_will(will, source));
    let durable = session
        .durable
        .map(|durable| decode_durable(durable, source));
    Ok(SessionRecord {
        session: session.session,
        client_id: session.client_id.into(),
        claimant: session.claimant.map(decode_claimant).transpose()?,
        expiry_seconds: session.expiry_seconds,
        will: will.transpose()?,
        durable: durable.transpose()?,
    })
}

fn decode_claimant(claimant: wire::Claimant) -> Result<Claimant, Malformed> {
    Ok(Claimant {
        owner: outcome::decode_owner(present("claimant.owner", claimant.owner)?),
        incarnation: claimant.incarnation,
    })
}

fn encode_durable(durable: DurableRecord) -> wire::Durable {
    wire::Durable {
        ends_at: durable.ends_at,
        delayed_will: durable.delayed_will.map(|will| wire::DelayedWill {
            epoch: will.epoch,
            due: will.due,
            message: Some(message::encode(will.message)),
        }),
        inbound_last: durable.inbound_last,
        window: durable.window.into(),
        sequence_last: durable.sequence_last,
        started: durable.started,
        started_before: durable.started_before,
    }
}

fn decode_durable(durable: wire::Durable, source: usize) -> Result<DurableRecord, Malformed> {
    let will = durable.delayed_will.map(|will| -> Result<_, Malformed> {
        Ok(DelayedWill {
            epoch: will.epoch,
            due: will.due,
            message: decode_message(will.message, source)?,
        })
    });
    Ok(DurableRecord {
        ends_at: durable.ends_at,
        delayed_will: will.transpose()?,
        inbound_last: durable.inbound_last,
        window: narrow("durable.window", durable.window)?,
        sequence_last: durable.sequence_last,
        started: durable.started,
        started_before: durable.started_before,
    })
}

fn encode_entry(entry: EntryRecord) -> wire::QueueEntry {
    wire::QueueEntry {
        sequence: entry.sequence,
        message: entry.message,
        qos: entry.qos as u32,
        retain: entry.retain,
        received: entry.received,
        identifiers: entry.identifiers.into_vec(),
        expires_at: entry.expires_at,
        group: entry.group.as_deref().map(String::from),
    }
}

fn decode_entry(entry: wire::QueueEntry) -> Result<EntryRecord, Malformed> {
    Ok(EntryRecord {
        sequence: entry.sequence,
        message: entry.message,
        qos: decode_qos(entry.qos)?,
        retain: entry.retain,
        received: entry.received,
        identifiers: entry.identifiers.into_boxed_slice(),
        expires_at: entry.expires_at,
        group: entry.group.map(Arc::from),
    })
}
