//! Properties over random histories: replicas agree, queues hold what the oracle says, refusals change nothing, and
//! the promises P3, P4 and P6 as far as one shard keeps them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_shard::*;

use crate::history::{Driver, Step, steps};
use crate::oracle::{Item, Oracle};
use crate::support::*;

proptest! {
    #[test]
    fn two_replicas_agree_also_across_a_snapshot(steps in steps(60)) {
        let mut driver = Driver::default();
        let seeded = Limits { hash_seed: 77, ..Limits::default() };
        let (mut one, mut two) = (Shard::new(0, Limits::default()), Shard::new(0, seeded));
        for step in &steps {
            let batch = driver.batch(step);
            for copy in 0..=u8::from(step.repeat) {
                let index = driver.next_index();
                let applied = one.apply(index, batch.clone());
                prop_assert_eq!(&applied, &two.apply(index, batch.clone()));
                prop_assert_eq!(applied.outcomes.len(), batch.commands.len());
                prop_assert_eq!(one.next_deadline(), two.next_deadline());
                prop_assert_eq!(one.statistics(), two.statistics());
                if copy == 0 {
                    driver.learn(step, &applied.outcomes);
                }
            }
            if step.snapshot {
                let records: Vec<Record> = two.snapshot_records().collect();
                two = Shard::restore(0, seeded, records).unwrap();
                prop_assert!(one.forgettable().eq(two.forgettable()));
                prop_assert!(one.pending_wills().eq(two.pending_wills()));
            }
        }
        prop_assert!(one == two);
        prop_assert_eq!(one.interest().collect::<Vec<_>>(), two.interest().collect::<Vec<_>>());
    }

    #[test]
    fn queues_hold_what_the_oracle_says(steps in steps(60)) {
        let mut driver = Driver::default();
        let mut shard = Shard::new(0, Limits::default());
        let mut oracle = Oracle::default();
        let mut promises = Promises::default();
        for step in &steps {
            let batch = driver.batch(step);
            let Batch { incarnation, time, commands, .. } = batch.clone();
            let applied = shard.apply(driver.next_index(), batch.clone());
            driver.learn(step, &applied.outcomes);
            oracle.pass(time);
            if applied.admission == Admission::Fresh {
                for (command, outcome) in commands.iter().zip(&*applied.outcomes) {
                    oracle.run(command, outcome, incarnation, time);
                }
            }
            oracle.start(time);
            promises.check(&shard, &commands, &applied);
            if step.repeat {
                let again = shard.apply(driver.next_index(), batch);
                prop_assert_eq!(again.admission, Admission::Duplicate);
                prop_assert_eq!(again.outcomes, applied.outcomes);
                oracle.pass(time);
            }
            compare(&shard, &oracle)?;
        }
    }

    #[test]
    fn a_refused_command_changes_nothing(steps in steps(60), queue_full in policies()) {
        let limits = Limits {
            window_bytes_max: 400,
            queue_messages_max: 5,
            queue_bytes_max: 1_500,
            message_bytes_max: 3_000,
            session_bytes_max: 2_500,
            retained_bytes_max: 700,
            queue_full,
            session_subscriptions_max: 3,
            origin_marks_max: 3,
            hash_seed: 0,
        };
        let mut driver = Driver::default();
        let mut shard = Shard::new(0, limits);
        for step in &steps {
            for op in &step.ops {
                let step = Step { ops: vec![op.clone()], ..step.clone() };
                let batch = driver.batch(&step);
                let tick = Batch { sequence: 0, commands: Vec::new(), ..batch.clone() };
                shard.apply(driver.next_index(), tick);
                let before = contents(&shard);
                let applied = shard.apply(driver.next_index(), batch);
                driver.learn(&step, &applied.outcomes);
                if let [Outcome::QuotaExceeded | Outcome::Stale] = *applied.outcomes {
                    prop_assert_eq!(contents(&shard), before);
                    prop_assert_eq!(applied.effects, []);
                }
                let sums = shard.statistics();
                prop_assert!(sums.queued_bytes <= 3_000 && sums.session_bytes <= 2_500);
                prop_assert!(sums.retained_bytes <= 700 && sums.origin_marks <= 3);
            }
        }
    }

    #[test]
    fn a_cut_or_mixed_snapshot_is_refused_without_a_panic(steps in steps(20), cut in any::<prop::sample::Index>(), swap in any::<prop::sample::Index>()) {
        let mut driver = Driver::default();
        let mut shard = Shard::new(0, Limits::default());
        for step in &steps {
            let batch = driver.batch(step);
            let applied = shard.apply(driver.next_index(), batch);
            driver.learn(step, &applied.outcomes);
        }
        let mut records: Vec<Record> = shard.snapshot_records().collect();
        let position = cut.index(records.len());
        let cut = Shard::restore(0, Limits::default(), records[..position].to_vec());
        prop_assert!(cut.is_err());
        let swap = swap.index(records.len());
        records.swap(position, swap);
        let _ = Shard::restore(0, Limits::default(), records.clone());
        records.remove(position);
        prop_assert!(Shard::restore(0, Limits::default(), records).is_err());
    }
}

fn policies() -> impl Strategy<Value = QueueFull> {
    prop::sample::select(vec![
        QueueFull::Reject,
        QueueFull::DropOldest,
        QueueFull::DropNewest,
    ])
}

/// All but the header and what is known of proposers.
fn contents(shard: &Shard) -> Vec<Record> {
    let apart = |record: &Record| {
        !matches!(
            record,
            Record::Header(_) | Record::Proposer(_) | Record::End { .. }
        )
    };
    shard.snapshot_records().filter(apart).collect()
}

/// Owners and queues of both, entry by entry.
fn compare(shard: &Shard, oracle: &Oracle) -> Result<(), TestCaseError> {
    prop_assert_eq!(shard.statistics().sessions, oracle.sessions.len() as u64);
    let queued: usize = oracle
        .sessions
        .values()
        .map(|model| model.queue.len())
        .sum();
    prop_assert_eq!(shard.statistics().queued_messages, queued as u64);
    for (client_id, model) in &oracle.sessions {
        prop_assert_eq!(shard.session_of(client_id), Some(model.session));
        let owner = model.owner.map(|(node, _, epoch)| Owner { node, epoch });
        prop_assert_eq!(shard.owner(model.session), owner);
        let started: Vec<&Item> = model.queue.iter().filter(|item| item.started).collect();
        let deliveries: Vec<Delivery> = shard.deliveries(model.session, 0, Sequence::MAX).collect();
        prop_assert_eq!(
            deliveries.len(),
            started.len(),
            "{}: {:?} {:?}",
            client_id,
            deliveries,
            started
        );
        for (delivery, item) in deliveries.iter().zip(started) {
            prop_assert_eq!(delivery.sequence, item.sequence);
            prop_assert_eq!(delivery.packet == DeliveryPacket::PubRel, item.received);
            if let DeliveryPacket::Publish(publish) = &delivery.packet {
                prop_assert_eq!(
                    (&publish.message.payload[..], publish.qos, publish.dup),
                    (&item.text[..], item.qos, item.dup)
                );
            }
        }
        let ids: BTreeSet<_> = shard
            .deliveries(model.session, 0, Sequence::MAX)
            .map(|it| it.packet_id())
            .collect();
        prop_assert_eq!(
            ids.len(),
            deliveries.len(),
            "packet ids of live deliveries differ"
        );
    }
    Ok(())
}

/// What must hold from the first batch to the last.
#[derive(Debug, Default)]
struct Promises {
    epoch_last: Epoch,
    wills: BTreeSet<(SessionId, Epoch)>,
    pending: BTreeSet<(SessionId, Epoch)>,
    sent: BTreeMap<(SessionId, Sequence), String>,
}

impl Promises {
    fn check(&mut self, shard: &Shard, commands: &[Command], applied: &Applied) {
        let before = self.pending.clone();
        for effect in &applied.effects {
            if let Effect::PublishWill { session, epoch, .. } = effect {
                assert!(
                    self.wills.insert((*session, *epoch)),
                    "P6: a will is published once"
                );
                self.pending.insert((*session, *epoch));
            }
        }
        let still = |will| {
            shard
                .pending_wills()
                .any(|it| (it.session, it.epoch) == will)
        };
        for (command, outcome) in commands.iter().zip(&*applied.outcomes) {
            if let Outcome::Claimed(claimed) = outcome {
                assert!(
                    claimed.epoch > self.epoch_last,
                    "P3: each claim gets a higher epoch"
                );
                self.epoch_last = claimed.epoch;
            }
            if let Command::WillDone(WillDone { session, epoch }) = *command {
                // A will that fires in the same batch may do so before or after.
                if before.contains(&(session, epoch)) || !still((session, epoch)) {
                    self.pending.remove(&(session, epoch));
                }
            }
        }
        let pending: BTreeSet<_> = shard
            .pending_wills()
            .map(|will| (will.session, will.epoch))
            .collect();
        assert_eq!(
            pending, self.pending,
            "P6: a will that is due is state until it is done"
        );
        for id in 1..200 {
            for delivery in shard.deliveries(id, 0, Sequence::MAX) {
                if delivery.packet != DeliveryPacket::PubRel {
                    let text = text(&delivery);
                    let first = self
                        .sent
                        .entry((id, delivery.sequence))
                        .or_insert_with(|| text.clone());
                    assert_eq!(
                        *first, text,
                        "a sequence always stands for the same message"
                    );
                }
            }
        }
    }
}
