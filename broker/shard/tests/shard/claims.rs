//! Claims, takeovers, releases and session expiry.

use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

#[test]
fn a_new_durable_session_has_nothing_present() {
    let mut bench = Bench::new();
    let claimed = bench.claim(durable("a"));
    assert!(claimed.durable && !claimed.present);
    assert_eq!(claimed.previous, None);
    let owner = Owner {
        node: 1,
        epoch: claimed.epoch,
    };
    assert_eq!(bench.shard.owner(claimed.session), Some(owner));
}

#[test]
fn a_second_claim_takes_the_session_and_names_the_owner_before() {
    let mut bench = Bench::new();
    let first = bench.subscriber("a", "t");
    let second = bench.claim(Claim {
        node: 2,
        ..durable("a")
    });
    assert!(second.present && second.epoch > first.epoch && second.session == first.session);
    let previous = Owner {
        node: 1,
        epoch: first.epoch,
    };
    assert_eq!(second.previous, Some(previous));
    assert_eq!(second.subscriptions, [subscription("t", QoS::ExactlyOnce)]);
    assert!(bench.take_effects().contains(&Effect::Close {
        session: first.session,
        owner: previous
    }));
}

#[test]
fn an_older_epoch_is_refused_everywhere() {
    let mut bench = Bench::new();
    let old = bench.subscriber("a", "t");
    bench.claim(durable("a"));
    let Claimed { session, epoch, .. } = old;
    let packet_id = packet(1);
    let commands = vec![
        release(&old, true),
        subscribe(&old, &[subscription("u", QoS::AtLeastOnce)]),
        unsubscribe(&old, &["t"]),
        acknowledge(&old, &[1]),
        received(&old, &[1]),
        Command::Enqueue(Enqueue {
            session,
            epoch,
            messages: Vec::new(),
            identifier: None,
        }),
        Command::InboundStart(InboundStart {
            session,
            epoch,
            packet_id,
        }),
        Command::InboundRelease(InboundRelease {
            session,
            epoch,
            packet_id,
        }),
    ];
    let before: Vec<Record> = bench.shard.snapshot_records().skip(2).collect();
    let outcomes = bench.batch(commands);
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Stale),
        "{outcomes:?}"
    );
    let after: Vec<Record> = bench.shard.snapshot_records().skip(2).collect();
    assert_eq!(before, after);
}

#[test]
fn clean_start_discards_the_earlier_session() {
    let mut bench = Bench::new();
    let first = bench.subscriber("a", "t");
    bench.run(publish("t", "1"));
    bench.take_effects();
    let second = bench.claim(Claim {
        clean_start: true,
        ..durable("a")
    });
    assert!(!second.present && second.session != first.session && second.subscriptions.is_empty());
    assert!(
        bench
            .take_effects()
            .contains(&Effect::InterestRemoved("t".into()))
    );
    assert_eq!(bench.shard.statistics().queued_messages, 0);
    assert_eq!(bench.deliveries(second.session), []);
}

#[test]
fn a_clean_session_is_gone_after_its_release() {
    let mut bench = Bench::new();
    let claimed = bench.claim(clean("a"));
    assert!(!claimed.durable);
    assert_eq!(
        bench.run(subscribe(&claimed, &[subscription("t", QoS::AtLeastOnce)])),
        Outcome::Stale
    );
    bench.release(&claimed, false);
    assert_eq!(bench.shard.statistics(), Statistics::default());
    assert_eq!(bench.run(release(&claimed, false)), Outcome::Stale);
}

#[test]
fn a_session_expires_after_its_interval_and_not_before() {
    let mut bench = Bench::new();
    let claimed = bench.subscriber("a", "t");
    bench.release(&claimed, false);
    assert_eq!(bench.shard.next_deadline(), Some(3_600_000));
    bench.wait(3_599);
    assert_eq!(bench.shard.session_of("a"), Some(claimed.session));
    bench.take_effects();
    bench.wait(1);
    assert_eq!(bench.take_effects(), [Effect::InterestRemoved("t".into())]);
    assert_eq!(bench.shard.statistics(), Statistics::default());
    assert_eq!(bench.shard.next_deadline(), None);
}

#[test]
fn a_claim_stops_the_expiry() {
    let mut bench = Bench::new();
    let first = bench.claim(durable("a"));
    bench.release(&first, false);
    bench.wait(3_000);
    assert!(bench.claim(durable("a")).present);
    bench.wait(3_000);
    assert_eq!(bench.shard.session_of("a"), Some(first.session));
}

#[test]
fn a_session_that_never_expires_stays() {
    let mut bench = Bench::new();
    let claimed = bench.claim(Claim {
        expiry_seconds: EXPIRY_NEVER,
        ..durable("a")
    });
    bench.release(&claimed, false);
    assert_eq!(bench.shard.next_deadline(), None);
}

#[test]
fn a_durable_session_resumed_without_expiry_ends_with_that_connection() {
    let mut bench = Bench::new();
    let first = bench.subscriber("a", "t");
    bench.release(&first, false);
    let second = bench.claim(Claim {
        expiry_seconds: 0,
        ..durable("a")
    });
    assert!(second.present && second.durable);
    bench.release(&second, false);
    assert_eq!(bench.shard.session_of("a"), None);
}

#[test]
fn disconnect_may_change_the_expiry() {
    let mut bench = Bench::new();
    let Claimed { session, epoch, .. } = bench.claim(durable("a"));
    bench.run(Command::Release(Release {
        session,
        epoch,
        fire_will: false,
        expiry_seconds: Some(5),
    }));
    bench.wait(5);
    assert_eq!(bench.shard.session_of("a"), None);
}

#[test]
fn a_restarted_node_gives_back_what_its_earlier_lives_held() {
    let mut bench = Bench::new();
    let lost = bench.claim(Claim {
        will: will(0),
        ..durable("a")
    });
    bench.raw(
        2,
        1,
        1,
        vec![Command::Claim(Claim {
            node: 2,
            ..durable("b")
        })],
    );
    let b = bench.shard.session_of("b").unwrap();
    bench.take_effects();
    bench.raw(
        1,
        7,
        1,
        vec![Command::ReleaseNode(ReleaseNode { node: 1, before: 7 })],
    );
    assert_eq!(bench.shard.owner(lost.session), None);
    assert!(bench.shard.owner(b).is_some());
    assert!(matches!(
        bench.take_effects()[..],
        [Effect::PublishWill { .. }]
    ));
    // What the earlier life still has on the way comes to nothing.
    let late = bench.raw(1, 1, 2, vec![Command::Claim(durable("c"))]);
    assert_eq!(
        late.admission,
        Admission::Refused(Refusal::OlderIncarnation { current: 7 })
    );
}
