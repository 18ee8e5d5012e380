//! Batches proposed twice are applied once and answered twice (design 2.1).

use quorate_shard::*;

use crate::support::*;

fn claims(name: &str) -> Vec<Command> {
    vec![Command::Claim(durable(name))]
}

#[test]
fn a_repeat_gets_the_outcomes_of_the_first_time() {
    let mut bench = Bench::new();
    let first = bench.raw(1, 1, 1, claims("a"));
    bench.raw(1, 1, 2, claims("b"));
    let again = bench.raw(1, 1, 1, claims("a"));
    assert_eq!(again.admission, Admission::Duplicate);
    assert_eq!(again.outcomes, first.outcomes);
    assert_eq!(again.effects, []);
    assert_eq!(bench.shard.statistics().sessions, 2);
}

#[test]
fn gaps_and_what_was_long_ago_are_refused() {
    let mut bench = Bench::new();
    let refused =
        |bench: &mut Bench, life, sequence| bench.raw(1, life, sequence, claims("x")).admission;
    assert_eq!(
        refused(&mut bench, 1, 2),
        Admission::Refused(Refusal::Gap { expected: 1 })
    );
    for sequence in 1..=6 {
        assert_eq!(
            bench.raw(1, 1, sequence, claims("a")).admission,
            Admission::Fresh
        );
    }
    assert_eq!(
        refused(&mut bench, 1, 8),
        Admission::Refused(Refusal::Gap { expected: 7 })
    );
    assert_eq!(
        refused(&mut bench, 1, 2),
        Admission::Refused(Refusal::Forgotten { oldest: 3 })
    );
    assert_eq!(refused(&mut bench, 1, 3), Admission::Duplicate);
    assert_eq!(bench.shard.session_of("x"), None);
}

#[test]
fn a_new_life_begins_at_one_and_ends_the_one_before() {
    let mut bench = Bench::new();
    bench.raw(1, 3, 1, claims("a"));
    let admission =
        |bench: &mut Bench, life, sequence| bench.raw(1, life, sequence, claims("b")).admission;
    assert_eq!(
        admission(&mut bench, 5, 2),
        Admission::Refused(Refusal::Gap { expected: 1 })
    );
    assert_eq!(admission(&mut bench, 5, 1), Admission::Fresh);
    let older = Refusal::OlderIncarnation { current: 5 };
    assert_eq!(admission(&mut bench, 3, 2), Admission::Refused(older));
}

#[test]
fn the_leader_s_own_batches_are_not_numbered() {
    let mut bench = Bench::new();
    assert_eq!(bench.raw(1, 1, 0, claims("a")).admission, Admission::Fresh);
    assert_eq!(bench.raw(1, 1, 0, claims("a")).admission, Admission::Fresh);
    assert_eq!(bench.raw(1, 1, 1, claims("a")).admission, Admission::Fresh);
}

#[test]
fn time_never_goes_back_and_timers_run_with_refused_batches_too() {
    let mut bench = Bench::new();
    let a = bench.claim(Claim {
        expiry_seconds: 5,
        ..durable("a")
    });
    bench.release(&a, false);
    bench.time = 9_000;
    bench.raw(1, 1, 99, Vec::new());
    assert_eq!(bench.shard.session_of("a"), None);
    bench.time = 1_000;
    bench.raw(1, 1, 99, Vec::new());
    assert_eq!(bench.shard.time(), 9_000);
}

#[test]
fn a_fault_that_forgets_repeats_shows() {
    let mut bench = Bench::new();
    let faults = Faults {
        forget_batch_dedup: true,
        ..Faults::default()
    };
    bench.shard = Shard::new(0, Limits::default()).with_faults(faults);
    bench.subscriber("a", "t");
    bench.sequence += 1;
    let sequence = bench.sequence;
    bench.raw(1, 1, sequence, vec![publish("t", "x")]);
    bench.raw(1, 1, sequence, vec![publish("t", "x")]);
    assert_eq!(bench.shard.statistics().queued_messages, 2);
}
