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
            plain: true,
            groups: Vec::new(),
        }),
    );
    assert_eq!(bench.deliveries(b.session), []);
    bench.run(acknowledge(&a, &[1]));
    assert_eq!(bench.run(publish("t", "3")), Outcome::Published(2));
}

fn small(queue_full: QueueFull) -> Limits {
    Limits {
        queue_messages_max: 3,
        queue_full,
        ..Limits::default()
    }
}

#[test]
fn a_full_queue_may_drop_its_oldest_messages_that_were_not_sent() {
    let mut bench = Bench::with(small(QueueFull::DropOldest));
    let a = bench.claim(Claim {
        window: 1,
        ..durable("a")
    });
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    let b = bench.subscriber("b", "t");
    for number in 1..=5 {
        assert_eq!(
            bench.run(publish("t", &number.to_string())),
            Outcome::Published(2)
        );
        let sequence = number as Sequence;
        bench.run(acknowledge(&b, &[sequence]));
    }
    assert_eq!(bench.shard.statistics().dropped_messages, 2);
    // 1 was sent, so it stays; 2 and 3 made room for 4 and 5.
    let texts = [(1, "1"), (4, "4"), (5, "5")];
    for (sequence, text) in texts {
        assert_eq!(bench.texts(a.session), [(sequence, text.to_owned())]);
        bench.run(acknowledge(&a, &[sequence]));
    }
}

#[test]
fn a_full_queue_may_drop_what_is_new() {
    let mut bench = Bench::with(small(QueueFull::DropNewest));
    let a = bench.subscriber("a", "t");
    let b = bench.subscriber("b", "t");
    for number in 1..=5 {
        bench.run(publish("t", &number.to_string()));
        bench.run(acknowledge(&b, &[number as Sequence]));
    }
    let kept = [1, 2, 3].map(|number| (number, number.to_string()));
    assert_eq!(bench.texts(a.session), kept);
    assert_eq!(bench.shard.statistics().dropped_messages, 2);
    // Where everything is in flight the oldest cannot go either.
    let mut bench = Bench::with(small(QueueFull::DropOldest));
    let a = bench.subscriber("a", "t");
    for number in 1..=5 {
        bench.run(publish("t", &number.to_string()));
    }
    assert_eq!(bench.texts(a.session), kept);
    assert_eq!(bench.shard.statistics().dropped_messages, 2);
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
            plain: true,
            groups: Vec::new(),
        })
    };
    bench.batch((1..=3).map(publish).collect());
    assert_eq!(bench.run(publish(3)), Outcome::Published(0));
    assert_eq!(bench.run(publish(1)), Outcome::Published(1));
}
