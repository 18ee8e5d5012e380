//! Durable subscriptions and the interest that follows from them.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

fn interest(bench: &Bench) -> Vec<String> {
    bench
        .shard
        .interest()
        .map(|(filter, _)| filter.to_string())
        .collect()
}

#[test]
fn only_the_first_and_the_last_subscription_change_the_interest() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t/+");
    assert_eq!(bench.take_effects(), [Effect::InterestAdded("t/+".into())]);
    let b = bench.subscriber("b", "t/+");
    assert_eq!(bench.take_effects(), []);
    assert_eq!(interest(&bench), ["t/+"]);
    assert_eq!(
        bench.run(unsubscribe(&a, &["t/+", "u"])),
        Outcome::Unsubscribed(vec![true, false])
    );
    assert_eq!(bench.take_effects(), []);
    bench.run(unsubscribe(&b, &["t/+"]));
    assert_eq!(
        bench.take_effects(),
        [Effect::InterestRemoved("t/+".into())]
    );
    assert_eq!(interest(&bench), [""; 0]);
}

#[test]
fn a_subscription_at_qos_0_is_kept_but_is_no_interest() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    bench.run(subscribe(&a, &[subscription("t", QoS::AtMostOnce)]));
    assert_eq!(bench.take_effects(), []);
    assert_eq!(bench.run(publish("t", "1")), Outcome::Published(0));
    let again = bench.run(subscribe(&a, &[subscription("t", QoS::AtLeastOnce)]));
    assert_eq!(again, Outcome::Subscribed(vec![true]));
    assert_eq!(bench.take_effects(), [Effect::InterestAdded("t".into())]);
    bench.run(subscribe(&a, &[subscription("t", QoS::AtMostOnce)]));
    assert_eq!(bench.take_effects(), [Effect::InterestRemoved("t".into())]);
    bench.release(&a, false);
    let back = bench.claim(durable("a"));
    assert_eq!(back.subscriptions, [subscription("t", QoS::AtMostOnce)]);
}

#[test]
fn one_command_may_name_a_filter_twice() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let twice = [
        subscription("t", QoS::AtLeastOnce),
        subscription("t", QoS::ExactlyOnce),
    ];
    assert_eq!(
        bench.run(subscribe(&a, &twice)),
        Outcome::Subscribed(vec![false, true])
    );
    assert_eq!(bench.shard.statistics().subscriptions, 1);
}

#[test]
fn what_is_queued_outlives_its_subscription() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", "t");
    bench.run(publish("t", "1"));
    bench.run(unsubscribe(&a, &["t"]));
    assert_eq!(bench.texts(a.session), [(1, "1".into())]);
}
