//! The state as records. Nothing is in a snapshot that follows from the rest: timers, the filter index and sums
//! are built anew by a restore.

use std::sync::Arc;

use crate::message_store::MessageId;
use crate::queue::Marks;
use crate::record::*;
use crate::session_table::{Durable, Session};
use crate::shard::Shard;
use crate::types::*;

/// See [`Shard::snapshot_records`].
pub(crate) fn records(shard: &Shard) -> impl Iterator<Item = Record> + '_ {
    let body = std::iter::once(Record::Header(header(shard)))
        .chain(shard.proposers.records().map(Record::Proposer))
        .chain(
            shard
                .store
                .iter()
                .map(|(id, message)| message_record(id, message)),
        )
        .chain(
            shard
                .sessions
                .iter()
                .flat_map(|(id, session)| session_records(id, session)),
        )
        .chain(shard.wills.iter().cloned().map(Record::PendingWill))
        .chain(shard.origins.iter().map(Record::Mark))
        .chain(shard.origins.forgettable().map(Record::Forgettable))
        .chain(shard.retained.records().into_iter().map(Record::Retained));
    counted(body)
}

/// Puts `Record::End` behind the records.
fn counted(mut body: impl Iterator<Item = Record>) -> impl Iterator<Item = Record> {
    let mut records = 0;
    let mut ended = false;
    std::iter::from_fn(move || match body.next() {
        Some(record) => {
            records += 1;
            Some(record)
        }
        None if ended => None,
        None => {
            ended = true;
            Some(Record::End { records })
        }
    })
    .fuse()
}

fn header(shard: &Shard) -> HeaderRecord {
    HeaderRecord {
        shard: shard.id,
        applied: shard.applied,
        time: shard.time,
        session_last: shard.sessions.session_last(),
        epoch_last: shard.sessions.epoch_last(),
        message_last: shard.store.last(),
    }
}

fn message_record(id: MessageId, message: &Arc<Message>) -> Record {
    Record::Message(MessageRecord {
        id,
        message: message.clone(),
    })
}

fn session_records(id: SessionId, session: &Session) -> impl Iterator<Item = Record> + '_ {
    let record = SessionRecord {
        session: id,
        client_id: session.client_id.clone(),
        claimant: session.claimant,
        expiry_seconds: session.expiry_seconds,
        will: session.will.as_deref().cloned(),
        durable: session.durable.as_deref().map(durable_record),
    };
    let parts = session.durable.iter().flat_map(|durable| {
        let inbound = durable.inbound.iter();
        let subscriptions = durable.subscriptions().map(Record::Subscription);
        let inbound = inbound.map(|(packet_id, sequence)| Record::Inbound {
            packet_id: *packet_id,
            sequence: *sequence,
        });
        subscriptions
            .chain(inbound)
            .chain(durable.queue.records().map(Record::Entry))
    });
    std::iter::once(Record::Session(Box::new(record))).chain(parts)
}

fn durable_record(durable: &Durable) -> DurableRecord {
    let Marks {
        last,
        started,
        started_before,
        window,
    } = durable.queue.marks();
    DurableRecord {
        ends_at: durable.ends_at,
        delayed_will: durable.delayed_will.as_deref().cloned(),
        inbound_last: durable.inbound_last,
        window,
        sequence_last: last,
        started,
        started_before,
    }
}
