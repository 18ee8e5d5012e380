//! kill -9 of nodes under load: nothing acknowledged is lost, QoS 2 is exactly once, order is kept, and
//! the others go on within two seconds.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::cluster::{Options, Place, with_cluster};
use quorate_e2e::history::Event;
use quorate_e2e::load::Load;
use quorate_e2e::random::Random;
use quorate_e2e::wait;

const KILLS: u32 = 20;

/// From kill to the first acknowledgement of a durable publish: an election and what waits for it.
const GAP_MAX: Duration = Duration::from_secs(2);

/// So many may be later, on a machine that does other things meanwhile.
const LATER_MAX: usize = 2;

#[test]
fn twenty_kills_of_the_leading_node_lose_double_and_reorder_nothing() -> Result<()> {
    let kills = std::env::var("QUORATE_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let mut random = Random::announced("cluster_kill");
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        let mut gaps = Vec::new();
        for kill in 1..=kills {
            run.acknowledges_again(load.publisher_count())?;
            wait::pass(Duration::from_millis(random.below(300)));
            let victim = cluster.leader_of_most()?;
            run.mark();
            cluster.node_mut(victim).kill()?;
            run.checker().note(Event::Killed(kill));
            let timing = run
                .acknowledges_again(load.publisher_count())
                .with_context(|| format!("after kill {kill}"))?;
            let gap = timing.earliest().context("nobody was acknowledged")?;
            let all = timing.latest().context("nobody was acknowledged")?;
            println!(
                "kill {kill:2} of node {victim}: first acknowledgement after {:4} ms, every publisher again after {:4} ms",
                gap.as_millis(),
                all.as_millis()
            );
            gaps.push(gap);
            cluster.restart(victim)?;
            cluster.whole()?;
            run.mark();
            if kill % 4 == 0 {
                run.settle().with_context(|| format!("after kill {kill}"))?;
            }
            run.judge().with_context(|| format!("after kill {kill}"))?;
        }
        load.finish()?;
        println!(
            "{} messages acknowledged",
            run.checker().acknowledged_count()
        );
        let slow: Vec<&Duration> = gaps.iter().filter(|gap| **gap > GAP_MAX).collect();
        ensure!(slow.len() <= LATER_MAX, "later than {GAP_MAX:?}: {slow:?}");
        Ok(())
    })
}

#[test]
fn all_three_killed_at_once_lose_nothing_acknowledged() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        for kill in 1..=3 {
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
            for number in 1..=3 {
                cluster.node(number).pause()?;
            }
            for number in 1..=3 {
                cluster.node_mut(number).kill()?;
            }
            run.checker().note(Event::Killed(kill));
            for number in 1..=3 {
                cluster.restart(number)?;
            }
            cluster.whole()?;
            run.settle().with_context(|| format!("after kill {kill}"))?;
            run.judge().with_context(|| format!("after kill {kill}"))?;
        }
        load.finish()
    })
}
