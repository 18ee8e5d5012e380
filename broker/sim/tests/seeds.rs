//! Every promise holds in a bounded number of seeds. `sim --seeds N` runs more; `sim --seed S` tells one in full.

use quorate_sim::{Mistake, Summary, run_seed};

/// What a test run can afford without optimisation: some seconds.
const SEEDS: u64 = 500;

#[test]
fn every_promise_holds_in_every_seed() {
    let mut total = Summary::default();
    for seed in 0..SEEDS {
        match run_seed(seed, Mistake::None) {
            Ok(summary) => {
                total.messages += summary.messages;
                total.deliveries += summary.deliveries;
                total.crashes += summary.crashes;
            }
            Err(failure) => panic!("{failure}; see it with: sim --seed {}", failure.seed),
        }
    }
    // Otherwise nothing was tried.
    assert!(total.messages > SEEDS * 20 && total.deliveries > total.messages);
    assert!(total.crashes > SEEDS / 2);
}

#[test]
fn a_seed_decides_everything() {
    let once = quorate_sim::run_seed_logged(7, Mistake::None).0;
    let again = quorate_sim::run_seed_logged(7, Mistake::None).0;
    assert_eq!(once.events, again.events);
}
