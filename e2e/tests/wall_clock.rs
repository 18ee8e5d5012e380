//! The clock of the cluster tests does what it is told: one that stood still would let the test pass.

use quorate_e2e::wall_clock::WallClock;

#[test]
fn a_process_with_our_clock_sees_it_jump() -> anyhow::Result<()> {
    WallClock::new()?.works()
}
