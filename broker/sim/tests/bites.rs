//! The simulation notices what it is there for: each mistake, switched on, breaks a promise within a few seeds.

use quorate_sim::{Mistake, run_seed};

/// Seeds within which a mistake must show.
const SEEDS_MAX: u64 = 200;

fn promises_broken_by(mistake: Mistake) -> Vec<&'static str> {
    let broken = (0..SEEDS_MAX).filter_map(|seed| run_seed(seed, mistake).err());
    broken
        .map(|failure| failure.violation.invariant)
        .take(8)
        .collect()
}

#[test]
fn answering_before_the_log_is_synced_is_noticed() {
    let broken = promises_broken_by(Mistake::AnswerBeforeSync);
    assert!(!broken.is_empty());
}

#[test]
fn forgetting_what_was_started_is_noticed_as_a_missing_dup() {
    let broken = promises_broken_by(Mistake::ForgetStartedMark);
    assert!(broken.contains(&"P5"), "{broken:?}");
}

#[test]
fn applying_a_batch_twice_is_noticed() {
    let broken = promises_broken_by(Mistake::ForgetBatchDedup);
    assert!(broken.contains(&"batches"), "{broken:?}");
}

#[test]
fn queueing_a_message_of_one_origin_twice_is_noticed() {
    let broken = promises_broken_by(Mistake::ForgetOriginDedup);
    assert!(broken.contains(&"P4"), "{broken:?}");
    assert!(broken.contains(&"P6"), "{broken:?}");
}
