//! The started mark, windows, acknowledgements, DUP and expiry.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

#[test]
fn the_window_bounds_what_is_started_and_an_acknowledgement_starts_more() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        window: 2,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    bench.take_effects();
    bench.batch((1..=4).map(|n| publish("t", &n.to_string())).collect());
    let owner = Owner {
        node: 1,
        epoch: a.epoch,
    };
    let deliver = |started| Effect::Deliver {
        session: a.session,
        owner,
        started,
    };
    assert_eq!(bench.take_effects(), [deliver(2)], "one effect for a batch");
    assert_eq!(bench.texts(a.session), [(1, "1".into()), (2, "2".into())]);
    bench.run(acknowledge(&a, &[2]));
    assert_eq!(bench.take_effects(), [deliver(3)]);
    assert_eq!(bench.texts(a.session), [(1, "1".into()), (3, "3".into())]);
    let after: Vec<Delivery> = bench.shard.deliveries(a.session, 2, 3).collect();
    assert_eq!(after.len(), 1);
}

#[test]
fn what_is_not_in_flight_is_not_acknowledged() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        window: 1,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    bench.batch((1..=3).map(|n| publish("t", &n.to_string())).collect());
    bench.run(acknowledge(&a, &[0, 2, 3, 4, u64::MAX]));
    assert_eq!(bench.shard.statistics().queued_messages, 3);
    bench.run(acknowledge(&a, &[1, 1]));
    assert_eq!(bench.texts(a.session), [(2, "2".into())]);
}

#[test]
fn bytes_bound_the_window_but_one_message_always_goes() {
    let mut bench = Bench::with(Limits {
        window_bytes_max: 1_000,
        ..Limits::default()
    });
    let a = bench.subscriber("a", "t");
    bench.batch((0..3).map(|_| publish("t", &"x".repeat(5_000))).collect());
    assert_eq!(bench.deliveries(a.session).len(), 1);
    bench.run(acknowledge(&a, &[1]));
    assert_eq!(bench.deliveries(a.session)[0].sequence, 2);
}

#[test]
fn nothing_starts_while_nobody_owns_the_session() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    bench.run(publish("t", "1"));
    bench.release(&a, false);
    bench.run(publish("t", "2"));
    assert_eq!(bench.shard.started(a.session), 1);
    bench.claim(durable("a"));
    assert_eq!(bench.shard.started(a.session), 2);
    let dups: Vec<bool> = bench
        .deliveries(a.session)
        .iter()
        .map(|delivery| published(delivery).dup)
        .collect();
    assert_eq!(
        dups,
        [true, false],
        "only what an earlier owner started is marked as a duplicate"
    );
}

#[test]
fn a_received_delivery_is_repeated_as_pubrel() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    bench.batch(vec![
        publish("t", "1"),
        publish_message(message("t", "2", QoS::AtLeastOnce)),
    ]);
    bench.run(received(&a, &[1, 2, 9]));
    bench.release(&a, false);
    let a = bench.claim(durable("a"));
    let deliveries = bench.deliveries(a.session);
    assert_eq!(deliveries[0].packet, DeliveryPacket::PubRel);
    assert!(published(&deliveries[1]).dup, "QoS 1 knows no PUBREC");
    bench.run(acknowledge(&a, &[1, 2]));
    assert_eq!(bench.deliveries(a.session), []);
}

#[test]
fn the_span_of_packet_ids_is_never_passed() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        window: u16::MAX,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    let mut last = 0;
    // The first delivery is never acknowledged, all others are.
    for _ in 0..70 {
        bench.sequence += 1;
        bench.index += 1;
        let commands = (0..1_000).map(|_| publish("t", "x")).collect();
        let (index, sequence) = (bench.index, bench.sequence);
        bench.shard.apply(
            index,
            Batch {
                node: 1,
                incarnation: 1,
                sequence,
                time: 0,
                commands,
            },
        );
        let started = bench.shard.started(a.session);
        bench.run(acknowledge(&a, &(2..=started).collect::<Vec<_>>()));
        last = bench.shard.started(a.session);
    }
    assert_eq!(
        last, 65_535,
        "sequence 65 536 has the packet id of sequence 1"
    );
    assert_eq!(packet_id(65_536), packet_id(1));
    bench.run(acknowledge(&a, &[1]));
    assert!(bench.shard.started(a.session) > 65_536);
}

#[test]
fn an_entry_expires_unless_it_is_started() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        window: 1,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::ExactlyOnce)]));
    let expiring = |text, seconds| {
        let expiry_seconds = Some(seconds);
        publish_message(Message {
            expiry_seconds,
            ..message("t", text, QoS::ExactlyOnce)
        })
    };
    bench.batch(vec![
        expiring("1", 5),
        expiring("2", 5),
        expiring("3", 9),
        publish("t", "4"),
    ]);
    assert_eq!(
        published(&bench.deliveries(a.session)[0]).expires_at,
        Some(5_000)
    );
    assert_eq!(bench.shard.next_deadline(), Some(5_000));
    bench.wait(5);
    assert_eq!(bench.shard.statistics().queued_messages, 3);
    bench.run(acknowledge(&a, &[1]));
    assert_eq!(bench.texts(a.session), [(3, "3".into())]);
    bench.wait(10);
    assert_eq!(
        bench.texts(a.session),
        [(3, "3".into())],
        "what may have been sent is kept"
    );
    bench.run(acknowledge(&a, &[3]));
    assert_eq!(bench.texts(a.session), [(4, "4".into())]);
}

#[test]
fn acknowledgements_out_of_order_leave_no_trace() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        window: 1_000,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    bench.batch((0..500).map(|n| publish("t", &n.to_string())).collect());
    bench.run(acknowledge(
        &a,
        &(2..=500).rev().filter(|n| n % 3 != 0).collect::<Vec<_>>(),
    ));
    assert_eq!(bench.deliveries(a.session).len(), 167);
    bench.run(acknowledge(&a, &(1..=500).rev().collect::<Vec<_>>()));
    assert_eq!(bench.shard.statistics().queued_bytes, 0);
}

#[test]
fn a_fault_that_forgets_the_started_mark_shows() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    bench.run(publish("t", "1"));
    bench.release(&a, false);
    bench.shard = std::mem::replace(&mut bench.shard, Shard::new(0, Limits::default()))
        .with_faults(Faults {
            forget_started_mark: true,
            ..Faults::default()
        });
    let a = bench.claim(durable("a"));
    assert!(!published(&bench.deliveries(a.session)[0]).dup);
}
