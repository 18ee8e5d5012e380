//! What is over a bound is refused whole, and changes nothing.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

/// Runs a command that must be refused, and compares all but header and proposers.
fn refused(bench: &mut Bench, command: Command) {
    let records =
        |bench: &Bench| -> Vec<Record> { bench.shard.snapshot_records().skip(2).collect() };
    let before = (records(bench), bench.shard.statistics());
    bench.take_effects();
    assert_eq!(bench.run(command), Outcome::QuotaExceeded);
    assert_eq!((records(bench), bench.shard.statistics()), before);
    assert_eq!(bench.take_effects(), []);
}

#[test]
fn a_full_queue_refuses_a_publish_for_all() {
    let mut bench = Bench::with(Limits {
        queue_messages_max: 2,
        ..Limits::default()
    });
    let a = bench.subscriber("a", "t");
    bench.batch(vec![publish("t", "1"), publish("t", "2")]);
    let b = bench.subscriber("b", "t");
    let origin = Some(Origin::Will {
        shard: 0,
        session: 1,
        epoch: 1,
    });
    let message = message("t", "3", QoS::AtLeastOnce);
    refused(
        &mut bench,
        Command::Publish(Publish {
            message,
            publisher: None,
            origin,
        }),
    );
    assert_eq!(bench.deliveries(b.session), []);
    bench.run(acknowledge(&a, &[1]));
    assert_eq!(bench.run(publish("t", "3")), Outcome::Published(2));
}

#[test]
fn bytes_bound_a_queue_and_the_shard() {
    let mut bench = Bench::with(Limits {
        queue_bytes_max: 10_000,
        ..Limits::default()
    });
    bench.subscriber("a", "t");
    assert_eq!(
        bench.run(publish("t", &"x".repeat(9_000))),
        Outcome::Published(1)
    );
    refused(&mut bench, publish("t", &"x".repeat(1_000)));
    let mut bench = Bench::with(Limits {
        message_bytes_max: 10_000,
        ..Limits::default()
    });
    let a = bench.subscriber("a", "t");
    refused(&mut bench, publish("t", &"x".repeat(10_000)));
    let Claimed { session, epoch, .. } = a;
    let messages = vec![message("t", &"x".repeat(5_000), QoS::AtLeastOnce); 2];
    refused(
        &mut bench,
        Command::Enqueue(Enqueue {
            session,
            epoch,
            messages,
            identifier: None,
        }),
    );
}

#[test]
fn sessions_wills_and_subscriptions_are_bounded_together() {
    let mut bench = Bench::with(Limits {
        session_bytes_max: 2_000,
        ..Limits::default()
    });
    let a = bench.claim(durable("a"));
    let long = "x".repeat(2_000);
    refused(&mut bench, Command::Claim(durable(&long)));
    let will = Some(Will {
        message: message("w", &long, QoS::AtLeastOnce),
        delay_seconds: 0,
    });
    refused(
        &mut bench,
        Command::Claim(Claim {
            will,
            ..durable("a")
        }),
    );
    let many: Vec<Subscription> = (0..10)
        .map(|n| subscription(&format!("t/{n}"), QoS::AtLeastOnce))
        .collect();
    refused(&mut bench, subscribe(&a, &many));
    assert_eq!(
        bench.run(subscribe(&a, &many[..2])),
        Outcome::Subscribed(vec![false; 2])
    );
    while let Outcome::InboundStarted { .. } = bench.run(Command::InboundStart(InboundStart {
        session: a.session,
        epoch: a.epoch,
        packet_id: packet(u16::try_from(bench.index).unwrap()),
    })) {}
    assert!(bench.shard.statistics().session_bytes <= 2_000);
}

#[test]
fn retained_messages_are_bounded_but_may_be_replaced() {
    let mut bench = Bench::with(Limits {
        retained_bytes_max: 1_000,
        ..Limits::default()
    });
    let retain = |topic, size| {
        Command::Retain(Retain {
            message: message(topic, &"x".repeat(size), QoS::AtMostOnce),
        })
    };
    assert_eq!(bench.run(retain("a", 800)), Outcome::Done);
    refused(&mut bench, retain("b", 800));
    assert_eq!(bench.run(retain("a", 700)), Outcome::Done);
}

#[test]
fn the_oldest_origin_mark_goes_first() {
    let mut bench = Bench::with(Limits {
        origin_marks_max: 2,
        ..Limits::default()
    });
    bench.subscriber("a", "t");
    let publish = |sequence| {
        let origin = Some(Origin::Inbound {
            shard: 0,
            session: 1,
            sequence,
        });
        Command::Publish(Publish {
            message: message("t", "x", QoS::ExactlyOnce),
            publisher: None,
            origin,
        })
    };
    bench.batch((1..=3).map(publish).collect());
    assert_eq!(bench.run(publish(3)), Outcome::Published(0));
    assert_eq!(bench.run(publish(1)), Outcome::Published(1));
}
