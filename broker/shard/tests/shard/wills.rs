//! When a will is published, and that it is until somebody says it was (MQTT 5, 3.1.2.5 and 3.1.3.2.2).

use quorate_shard::*;

use crate::support::*;

fn with_will(delay_seconds: u32) -> Claim {
    Claim {
        will: will(delay_seconds),
        ..durable("a")
    }
}

/// Epochs of the wills that were handed out since the last look.
fn fired(bench: &mut Bench) -> Vec<Epoch> {
    let epoch = |effect| match effect {
        Effect::PublishWill { epoch, .. } => Some(epoch),
        Effect::Deliver { .. }
        | Effect::InterestAdded(_)
        | Effect::InterestRemoved(_)
        | Effect::ShareChanged(..)
        | Effect::ForgetOrigins(_)
        | Effect::Close { .. } => None,
    };
    bench.take_effects().into_iter().filter_map(epoch).collect()
}

#[test]
fn a_lost_connection_fires_its_will_and_it_is_kept_until_it_is_done() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(0));
    let Claimed { session, epoch, .. } = claimed;
    bench.release(&claimed, true);
    assert_eq!(fired(&mut bench), [epoch]);
    assert_eq!(bench.shard.pending_wills().count(), 1);
    assert_eq!(
        bench.run(Command::WillDone(WillDone { session, epoch })),
        Outcome::Done
    );
    assert_eq!(bench.shard.pending_wills().count(), 0);
    let origin = Origin::Will {
        shard: 0,
        session,
        epoch,
    };
    assert_eq!(bench.take_effects(), [Effect::ForgetOrigins(vec![origin])]);
    assert_eq!(bench.shard.forgettable().collect::<Vec<_>>(), [origin]);
    bench.run(Command::Forget(Forget { origin }));
    assert_eq!(bench.shard.forgettable().count(), 0);
    assert_eq!(
        bench.run(Command::WillDone(WillDone { session, epoch })),
        Outcome::Done
    );
    assert_eq!(bench.take_effects(), []);
}

#[test]
fn an_ordinary_disconnect_drops_the_will() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(0));
    bench.release(&claimed, false);
    bench.wait(10_000);
    assert_eq!(fired(&mut bench), []);
}

#[test]
fn a_clean_session_s_will_outlives_its_session() {
    let mut bench = Bench::new();
    let claimed = bench.claim(Claim {
        will: will(60),
        ..clean("a")
    });
    bench.release(&claimed, true);
    // No session is left that a delay could wait for.
    assert_eq!(fired(&mut bench), [claimed.epoch]);
    let statistics = bench.shard.statistics();
    assert_eq!((statistics.sessions, statistics.pending_wills), (0, 1));
}

#[test]
fn a_delayed_will_fires_at_its_delay() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(10));
    bench.release(&claimed, true);
    assert_eq!(bench.shard.next_deadline(), Some(10_000));
    bench.wait(9);
    assert_eq!(fired(&mut bench), []);
    bench.wait(1);
    assert_eq!(fired(&mut bench), [claimed.epoch]);
}

#[test]
fn a_delayed_will_fires_at_the_session_s_end_if_that_is_first() {
    let mut bench = Bench::new();
    let claimed = bench.claim(Claim {
        expiry_seconds: 5,
        ..with_will(10)
    });
    bench.release(&claimed, true);
    bench.wait(5);
    assert_eq!(fired(&mut bench), [claimed.epoch]);
    bench.wait(5);
    assert_eq!(fired(&mut bench), []);
}

#[test]
fn coming_back_in_time_cancels_a_delayed_will() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(10));
    bench.release(&claimed, true);
    bench.wait(9);
    bench.claim(durable("a"));
    bench.wait(100);
    assert_eq!(fired(&mut bench), []);
    assert_eq!(bench.shard.next_deadline(), None);
}

#[test]
fn coming_back_with_a_clean_start_fires_a_delayed_will() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(10));
    bench.release(&claimed, true);
    bench.claim(Claim {
        clean_start: true,
        ..durable("a")
    });
    assert_eq!(fired(&mut bench), [claimed.epoch]);
}

#[test]
fn a_takeover_fires_a_will_without_delay() {
    let mut bench = Bench::new();
    let claimed = bench.claim(with_will(0));
    bench.claim(with_will(0));
    assert_eq!(fired(&mut bench), [claimed.epoch]);
}

#[test]
fn a_takeover_that_continues_the_session_drops_a_will_with_delay() {
    let mut bench = Bench::new();
    bench.claim(with_will(10));
    bench.claim(durable("a"));
    bench.wait(100);
    assert_eq!(fired(&mut bench), []);
}

#[test]
fn a_takeover_that_ends_the_session_fires_a_will_with_delay() {
    let mut bench = Bench::new();
    let discarded = bench.claim(with_will(10));
    let clean = bench.claim(Claim {
        will: will(10),
        ..clean("a")
    });
    assert_eq!(fired(&mut bench), [discarded.epoch]);
    bench.claim(durable("a"));
    assert_eq!(fired(&mut bench), [clean.epoch]);
}
