//! Share groups of durable sessions: one member gets each message, and what an absent one has not got goes on (MQTT 5,
//! 4.8.2).

use std::sync::Arc;

use quorate_codec::QoS;
use quorate_router::{Scope, ShareCount};
use quorate_shard::*;

use crate::support::*;

const GROUP: &str = "$share/g/t";

fn lent(payload: &str, qos: QoS) -> Command {
    lent_at(0, payload, qos)
}

fn lent_at(turn: u32, payload: &str, qos: QoS) -> Command {
    let group = GROUP.into();
    Command::Publish(Publish {
        message: message("t", payload, qos),
        publisher: None,
        origin: None,
        plain: false,
        groups: vec![ShareTurn { group, turn }],
    })
}

fn reclaim() -> Command {
    Command::Reclaim(Reclaim {
        group: GROUP.into(),
    })
}

fn counts(bench: &mut Bench) -> Vec<Option<(u32, u32)>> {
    let count = |effect| match effect {
        Effect::ShareChanged(group, count) => {
            assert_eq!(&*group, GROUP);
            Some(count.map(|ShareCount { ready, other }| (ready, other)))
        }
        Effect::Deliver { .. }
        | Effect::InterestAdded(_)
        | Effect::InterestRemoved(_)
        | Effect::PublishWill { .. }
        | Effect::ForgetOrigins(_)
        | Effect::Close { .. } => None,
    };
    bench.take_effects().into_iter().filter_map(count).collect()
}

/// Payloads that are to be published to the group again, and the state that says so.
fn lent_again(bench: &mut Bench) -> Vec<String> {
    let again = |effect| match effect {
        Effect::PublishWill { message, group, .. } => {
            assert_eq!(group.as_deref(), Some(GROUP));
            Some(String::from_utf8(message.payload.to_vec()).unwrap())
        }
        Effect::Deliver { .. }
        | Effect::InterestAdded(_)
        | Effect::InterestRemoved(_)
        | Effect::ShareChanged(..)
        | Effect::ForgetOrigins(_)
        | Effect::Close { .. } => None,
    };
    let again: Vec<_> = bench.take_effects().into_iter().filter_map(again).collect();
    assert_eq!(bench.shard.pending_wills().count(), again.len());
    again
}

fn total(bench: &Bench, members: &[&Claimed]) -> Vec<usize> {
    let queued = |member: &&Claimed| bench.deliveries(member.session).len();
    members.iter().map(queued).collect()
}

#[test]
fn the_shard_tells_how_many_members_are_there_and_how_many_are_not() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", GROUP);
    assert_eq!(counts(&mut bench), [Some((1, 0))]);
    let b = bench.subscriber("b", GROUP);
    assert_eq!(counts(&mut bench), [Some((2, 0))]);
    bench.release(&a, false);
    assert_eq!(counts(&mut bench), [Some((1, 1))]);
    let interest: Vec<_> = bench.shard.interest().collect();
    let count = ShareCount { ready: 1, other: 1 };
    assert_eq!(interest, [(Arc::from(GROUP), Scope::Share(count))]);
    let a = bench.claim(durable("a"));
    assert_eq!(counts(&mut bench), [Some((2, 0))]);
    bench.run(unsubscribe(&b, &[GROUP]));
    assert_eq!(counts(&mut bench), [Some((1, 0))]);
    // At QoS 0 it needs no shard.
    bench.run(subscribe(&a, &[subscription(GROUP, QoS::AtMostOnce)]));
    assert_eq!(counts(&mut bench), [None]);
}

#[test]
fn one_member_gets_each_message_and_plain_subscriptions_none_of_it() {
    let mut bench = Bench::new();
    let members = ["a", "b", "c"].map(|name| bench.subscriber(name, GROUP));
    let plain = bench.subscriber("plain", "t");
    for number in 0..9 {
        let outcome = bench.run(lent_at(number, &number.to_string(), QoS::AtLeastOnce));
        assert_eq!(outcome, Outcome::Published(1));
    }
    let [a, b, c] = &members;
    assert_eq!(total(&bench, &[a, b, c, &plain]), [3, 3, 3, 0]);
    bench.run(publish("t", "x"));
    assert_eq!(total(&bench, &[a, b, c, &plain]), [3, 3, 3, 1]);
    // Numbers that are too large are taken as they come round.
    let turns = [0, 4, u32::MAX - 1];
    let batch = turns.map(|turn| lent_at(turn, "y", QoS::AtLeastOnce));
    bench.batch(batch.to_vec());
    assert_eq!(total(&bench, &[a, b, c]), [4, 4, 4]);
}

#[test]
fn the_member_gets_what_it_asked_for() {
    let mut bench = Bench::new();
    let a = bench.claim(durable("a"));
    let mut wanted = subscription(GROUP, QoS::AtLeastOnce);
    wanted.identifier = Some(7);
    bench.run(subscribe(&a, &[wanted]));
    bench.run(lent("x", QoS::ExactlyOnce));
    let deliveries = bench.deliveries(a.session);
    let delivery = published(&deliveries[0]);
    assert_eq!(
        (delivery.qos, &*delivery.identifiers),
        (QoS::AtLeastOnce, &[7][..])
    );
}

#[test]
fn absent_members_get_messages_only_while_nobody_is_there() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", GROUP);
    let b = bench.subscriber("b", GROUP);
    bench.release(&a, false);
    for _ in 0..4 {
        bench.run(lent("x", QoS::AtLeastOnce));
    }
    assert_eq!(total(&bench, &[&b]), [4]);
    bench.release(&b, false);
    for turn in 0..4 {
        bench.run(lent_at(turn, "y", QoS::AtLeastOnce));
    }
    let a = bench.claim(durable("a"));
    let b = bench.claim(durable("b"));
    // The one that has less is given more.
    assert_eq!(total(&bench, &[&a, &b]), [3, 5]);
}

#[test]
fn a_member_whose_window_is_full_is_passed_over() {
    let mut bench = Bench::new();
    let slow = bench.claim(Claim {
        window: 1,
        ..durable("slow")
    });
    bench.run(subscribe(&slow, &[subscription(GROUP, QoS::AtLeastOnce)]));
    let fast = bench.subscriber("fast", GROUP);
    for turn in 0..5 {
        bench.run(lent_at(turn, "x", QoS::AtLeastOnce));
    }
    assert_eq!(total(&bench, &[&slow, &fast]), [1, 4]);
}

#[test]
fn what_an_absent_member_did_not_acknowledge_goes_to_the_group_again() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", GROUP);
    bench.run(lent("sent at 1", QoS::AtLeastOnce));
    bench.run(lent("acknowledged", QoS::AtLeastOnce));
    bench.run(lent("sent at 2", QoS::ExactlyOnce));
    bench.run(acknowledge(&a, &[2]));
    // Nobody takes anything from one that is there.
    bench.run(reclaim());
    assert_eq!(lent_again(&mut bench), [""; 0]);
    bench.release(&a, false);
    bench.run(lent("not sent", QoS::ExactlyOnce));
    bench.run(reclaim());
    assert_eq!(lent_again(&mut bench), ["sent at 1", "not sent"]);
    // QoS 2 that was sent stays with its session (MQTT-4.8.2-4).
    let a = bench.claim(durable("a"));
    let texts: Vec<_> = bench.texts(a.session);
    assert_eq!(texts, [(3, "sent at 2".to_owned())]);
}

#[test]
fn what_a_session_that_ends_did_not_acknowledge_goes_to_the_group_again() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", GROUP);
    bench.run(lent("one", QoS::AtLeastOnce));
    bench.run(lent("two", QoS::ExactlyOnce));
    bench.release(&a, false);
    bench.take_effects();
    bench.wait(3_601);
    // QoS 2 that was sent ends with it (MQTT-4.8.2-5).
    assert_eq!(lent_again(&mut bench), ["one"]);
}

#[test]
fn what_is_lent_again_is_state_until_it_is_done() {
    let mut bench = Bench::new();
    let a = bench.subscriber("a", GROUP);
    bench.run(lent("one", QoS::AtLeastOnce));
    bench.release(&a, false);
    bench.run(reclaim());
    let pending: Vec<_> = bench.shard.pending_wills().cloned().collect();
    let [PendingWill { session, epoch, .. }] = pending[..] else {
        panic!("{pending:?}")
    };
    // It is charged with the queues it came from, and takes no room from sessions.
    let sums = bench.shard.statistics();
    assert!(
        sums.queued_messages == 0 && sums.queued_bytes > 0,
        "{sums:?}"
    );
    bench.run(Command::WillDone(WillDone { session, epoch }));
    assert_eq!(bench.shard.pending_wills().count(), 0);
    assert_eq!(bench.shard.statistics().queued_bytes, 0);
    bench.run(reclaim());
    assert_eq!(bench.shard.pending_wills().count(), 0);
}

#[test]
fn a_full_group_refuses_and_an_empty_one_takes_nothing() {
    let mut bench = Bench::with(Limits {
        queue_messages_max: 1,
        ..Limits::default()
    });
    assert_eq!(
        bench.run(lent("x", QoS::AtLeastOnce)),
        Outcome::Published(0)
    );
    let a = bench.subscriber("a", GROUP);
    let b = bench.subscriber("b", GROUP);
    for _ in 0..2 {
        assert_eq!(
            bench.run(lent("x", QoS::AtLeastOnce)),
            Outcome::Published(1)
        );
    }
    assert_eq!(
        bench.run(lent("x", QoS::AtLeastOnce)),
        Outcome::QuotaExceeded
    );
    assert_eq!(total(&bench, &[&a, &b]), [1, 1]);
}
