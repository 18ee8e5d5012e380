//! A shard from the records of a snapshot. The records may have come from another node or a damaged file: what does
//! not fit is refused, never asserted on.

use quorate_codec::{QoS, ShareFilter};

use crate::queue::{Around, Marks, Queue};
use crate::record::*;
use crate::session_table::{Durable, Held, Session};
use crate::shard::Shard;
use crate::timer::Timer;
use crate::types::*;

/// Why one record does not fit.
type Fit = Result<(), &'static str>;

/// See [`Shard::restore`]. `shard` is empty.
pub(crate) fn restore(
    shard: Shard,
    records: impl IntoIterator<Item = Record>,
) -> Result<Shard, RestoreError> {
    let mut restore = Restore {
        shard,
        session: 0,
        records: 0,
        ended: false,
    };
    for record in records {
        let number = restore.records;
        if let Record::Header(header) = &record
            && header.shard != restore.shard.id
        {
            return Err(RestoreError::OtherShard {
                expected: restore.shard.id,
                found: header.shard,
            });
        }
        restore
            .take(record)
            .map_err(|reason| RestoreError::Misplaced {
                record: number,
                reason,
            })?;
        restore.records += 1;
    }
    if !restore.ended {
        return Err(RestoreError::Incomplete {
            records: restore.records,
        });
    }
    Ok(restore.shard)
}

/// A snapshot on its way back into a shard.
struct Restore {
    shard: Shard,
    /// The session that subscriptions, inbound ids and entries belong to.
    session: SessionId,
    /// Records taken.
    records: u64,
    ended: bool,
}

impl Restore {
    fn take(&mut self, record: Record) -> Fit {
        let first = self.records == 0;
        if self.ended || first != matches!(record, Record::Header(_)) {
            return Err("out of order");
        }
        let shard = &mut self.shard;
        let marks_max = shard.limits.origin_marks_max;
        match record {
            Record::Header(header) => self.header(&header),
            Record::Proposer(proposer) => fit(shard.proposers.restore(proposer), "a proposer"),
            Record::Message(MessageRecord { id, message }) => {
                let given = id <= shard.store.last();
                fit(given && shard.store.restore(id, message), "a message")
            }
            Record::Session(session) => self.session(*session),
            Record::Subscription(subscription) => self.subscription(subscription),
            Record::Inbound {
                packet_id,
                sequence,
            } => {
                let durable = self.durable()?;
                let given = sequence <= durable.inbound_last;
                let free = durable.inbound.insert(packet_id, sequence).is_none();
                fit(given && free, "an inbound packet id")
            }
            Record::Entry(entry) => self.entry(entry),
            Record::PendingWill(will) => fit(shard.wills.add(will), "a due will"),
            Record::Mark(origin) => {
                shard.origins.mark(origin, marks_max);
                Ok(())
            }
            Record::Forgettable(origin) => {
                shard.origins.note_forgettable(origin, marks_max);
                Ok(())
            }
            Record::Retained(retained) => {
                shard.retained.set(retained, &mut shard.timers);
                Ok(())
            }
            Record::End { records } => self.end(records),
        }
    }

    fn header(&mut self, header: &HeaderRecord) -> Fit {
        let shard = &mut self.shard;
        shard.applied = header.applied;
        shard.time = header.time;
        shard
            .sessions
            .restore_last(header.session_last, header.epoch_last);
        shard.store.restore_last(header.message_last);
        Ok(())
    }

    fn session(&mut self, record: SessionRecord) -> Fit {
        let SessionRecord {
            session,
            client_id,
            claimant,
            expiry_seconds,
            will,
            durable,
        } = record;
        // A session without owner exists for what it keeps; a will belongs to an owner's connection.
        let possible = claimant.is_some() || (durable.is_some() && will.is_none());
        let durable = durable.map(|durable| Box::new(self.durable_part(session, durable)));
        let will = will.map(Box::new);
        let entry = Session {
            client_id,
            claimant,
            expiry_seconds,
            will,
            durable,
        };
        self.session = session;
        fit(
            possible && self.shard.sessions.restore(session, entry),
            "a session",
        )
    }

    fn durable_part(&mut self, session: SessionId, record: DurableRecord) -> Durable {
        let timers = &mut self.shard.timers;
        if let Some(at) = record.ends_at {
            timers.set(at, Timer::SessionEnds(session));
        }
        if let Some(delayed) = &record.delayed_will {
            timers.set(delayed.due, Timer::WillDue(session));
        }
        let DurableRecord {
            ends_at,
            delayed_will,
            inbound_last,
            window,
            sequence_last,
            started,
            started_before,
        } = record;
        let queue = Queue::new(Marks {
            last: sequence_last,
            started,
            started_before,
            window,
        });
        let delayed_will = delayed_will.map(Box::new);
        Durable {
            ends_at,
            delayed_will,
            inbound_last,
            ..Durable::new(queue)
        }
    }

    fn subscription(&mut self, subscription: Subscription) -> Fit {
        let Subscription {
            filter,
            options,
            identifier,
        } = subscription;
        let held = Held {
            options,
            identifier,
        };
        let session = self.session;
        let durable = self.durable()?;
        if durable.subscriptions.insert(filter.clone(), held).is_some() {
            return Err("a subscription that is there already");
        }
        let shard = &mut self.shard;
        if !filter.starts_with(ShareFilter::PREFIX) {
            shard.index.insert(&filter, session, held);
        } else if held.options.qos != QoS::AtMostOnce {
            let entry = shard.sessions.session(session);
            let connected = entry.is_some_and(|entry| entry.claimant.is_some());
            shard.shares.join(&filter, session, held, connected);
        }
        Ok(())
    }

    fn entry(&mut self, entry: EntryRecord) -> Fit {
        let shard = &mut self.shard;
        let message = shard
            .store
            .refer(entry.message)
            .ok_or("an entry whose message is missing")?;
        let durable = shard
            .sessions
            .durable_mut(self.session)
            .ok_or("outside a durable session")?;
        let mut around = Around {
            session: self.session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        fit(
            durable.queue.restore(entry, message, &mut around),
            "an entry",
        )
    }

    fn end(&mut self, records: u64) -> Fit {
        self.shard.sessions.recount();
        self.ended = true;
        fit(
            records == self.records,
            "an end that counts another number of records",
        )?;
        fit(
            !self.shard.store.has_orphans(),
            "a message that nobody queues",
        )
    }

    fn durable(&mut self) -> Result<&mut Durable, &'static str> {
        self.shard
            .sessions
            .durable_mut(self.session)
            .ok_or("outside a durable session")
    }
}

fn fit(fits: bool, reason: &'static str) -> Fit {
    if fits { Ok(()) } else { Err(reason) }
}
