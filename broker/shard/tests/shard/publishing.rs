//! Who gets a message, and how.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

#[test]
fn overlapping_subscriptions_give_one_entry_with_the_best_qos_and_all_identifiers() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let with = |filter, qos, identifier| Subscription {
        identifier,
        ..subscription(filter, qos)
    };
    let subscriptions = [
        with("t/1", QoS::AtLeastOnce, Some(7)),
        with("t/+", QoS::ExactlyOnce, Some(3)),
        with("#", QoS::AtMostOnce, Some(1)),
        with("t/#", QoS::AtLeastOnce, None),
    ];
    bench.run(subscribe(&a, &subscriptions));
    assert_eq!(bench.run(publish("t/1", "x")), Outcome::Published(1));
    let deliveries = bench.deliveries(a.session);
    let publish = published(&deliveries[0]);
    assert_eq!(
        (deliveries.len(), publish.qos, &*publish.identifiers),
        (1, QoS::ExactlyOnce, &[1, 3, 7][..])
    );
}

#[test]
fn a_subscription_at_qos_0_only_adds_its_identifier() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let zero = |identifier| Subscription {
        identifier,
        ..subscription("#", QoS::AtMostOnce)
    };
    bench.run(subscribe(&a, &[zero(Some(1))]));
    assert_eq!(bench.run(publish("t", "x")), Outcome::Published(0));
    bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    bench.run(publish("t", "x"));
    assert_eq!(*published(&bench.deliveries(a.session)[0]).identifiers, [1]);
    bench.run(subscribe(&a, &[zero(None)]));
    bench.run(publish("t", "x"));
    assert_eq!(*published(&bench.deliveries(a.session)[1]).identifiers, []);
}

#[test]
fn the_qos_is_the_lower_of_message_and_subscription() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    bench.run(publish_message(message("t", "0", QoS::AtMostOnce)));
    bench.run(publish_message(message("t", "1", QoS::AtLeastOnce)));
    assert_eq!(bench.texts(a.session), [(1, "1".into())]);
    assert_eq!(
        published(&bench.deliveries(a.session)[0]).qos,
        QoS::AtLeastOnce
    );
}

#[test]
fn no_local_leaves_out_the_publisher() {
    let mut bench = Bench::new();
    let (a, b) = (bench.claim(durable("a")), bench.claim(durable("b")));
    let mut no_local = subscription("t", QoS::AtLeastOnce);
    no_local.options.no_local = true;
    bench.run(subscribe(&a, std::slice::from_ref(&no_local)));
    bench.run(subscribe(&b, &[no_local]));
    let message = message("t", "x", QoS::AtLeastOnce);
    let publisher = Some("a".into());
    let outcome = bench.run(Command::Publish(Publish {
        message,
        publisher,
        origin: None,
        plain: true,
        groups: Vec::new(),
    }));
    assert_eq!(outcome, Outcome::Published(1));
    assert_eq!(bench.deliveries(a.session), []);
    assert_eq!(bench.texts(b.session), [(1, "x".into())]);
}

#[test]
fn the_retain_flag_is_kept_only_for_who_asked_for_it() {
    let mut bench = Bench::new();
    let plain = bench.subscriber("plain", "t");
    let keeping = bench.claim(durable("keeping"));
    let mut subscription = subscription("t", QoS::AtLeastOnce);
    subscription.options.retain_as_published = true;
    bench.run(subscribe(&keeping, &[subscription]));
    bench.run(publish_message(Message {
        retain: true,
        ..message("t", "x", QoS::AtLeastOnce)
    }));
    assert!(!published(&bench.deliveries(plain.session)[0]).retain);
    assert!(published(&bench.deliveries(keeping.session)[0]).retain);
}

#[test]
fn a_message_is_stored_once_for_all_its_receivers() {
    let mut bench = Bench::new();
    let sessions: Vec<Claimed> = (0..50)
        .map(|n| bench.subscriber(&format!("s{n}"), "t"))
        .collect();
    assert_eq!(
        bench.run(publish("t", &"x".repeat(10_000))),
        Outcome::Published(50)
    );
    let statistics = bench.shard.statistics();
    assert_eq!(statistics.queued_messages, 50);
    assert!(statistics.queued_bytes < 20_000, "{statistics:?}");
    let first = bench.deliveries(sessions[0].session);
    let last = bench.deliveries(sessions[49].session);
    assert!(std::sync::Arc::ptr_eq(
        &published(&first[0]).message,
        &published(&last[0]).message
    ));
}

#[test]
fn a_repeat_of_the_same_origin_is_recognised_until_it_is_forgotten() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    let origin = Origin::Inbound {
        shard: 3,
        session: 8,
        sequence: 1,
    };
    let publish = || {
        let message = message("t", "x", QoS::ExactlyOnce);
        Command::Publish(Publish {
            message,
            publisher: None,
            origin: Some(origin),
            plain: true,
            groups: Vec::new(),
        })
    };
    assert_eq!(bench.run(publish()), Outcome::Published(1));
    assert_eq!(bench.run(publish()), Outcome::Published(0));
    assert_eq!(bench.shard.statistics().origin_marks, 1);
    bench.run(Command::Forget(Forget { origin }));
    assert_eq!(bench.shard.statistics().origin_marks, 0);
    assert_eq!(bench.run(publish()), Outcome::Published(1));
    assert_eq!(bench.deliveries(a.session).len(), 2);
}

#[test]
fn messages_for_one_session_carry_the_retain_flag_and_its_identifier() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let messages = vec![
        message("t", "1", QoS::AtLeastOnce),
        message("u", "2", QoS::AtMostOnce),
    ];
    let Claimed { session, epoch, .. } = a;
    let outcome = bench.run(Command::Enqueue(Enqueue {
        session,
        epoch,
        messages,
        identifier: Some(5),
    }));
    assert_eq!(outcome, Outcome::Done);
    let deliveries = bench.deliveries(session);
    assert_eq!(deliveries.len(), 1, "QoS 0 is not queued");
    let publish = published(&deliveries[0]);
    assert!(publish.retain && *publish.identifiers == [5]);
}
