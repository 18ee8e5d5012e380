//! What is planned is not felt: leadership handed over, nodes stopped in order.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Cluster, Options, Place, with_cluster};
use quorate_e2e::load::Load;
use quorate_e2e::packet::Connect;
use quorate_e2e::wait;

/// The longest that an acknowledgement may take meanwhile.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);

#[test]
fn leadership_handed_over_under_load_delays_no_acknowledgement() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        // Spread already: nobody else moves them meanwhile, for some twenty seconds after each transfer.
        cluster.calm()?;
        let load = Load::over(&cluster.endpoints())?;
        load.run().acknowledges_again(load.publisher_count())?;
        let mut longest = Duration::ZERO;
        let groups: Vec<u64> = cluster.status()?.groups.iter().map(|g| g.number).collect();
        for round in 0..2 {
            for group in &groups {
                load.run().mark();
                transfer(cluster, *group, round)?;
                load.run().acknowledges_again(load.publisher_count())?;
                longest = longest.max(load.run().timing().longest);
            }
        }
        println!(
            "{} transfers, no acknowledgement later than {longest:.0?}",
            groups.len() * 2
        );
        ensure!(
            longest < ACKNOWLEDGED_WITHIN,
            "an acknowledgement took {longest:?}"
        );
        load.finish()
    })
}

/// Moves one group to another voter: its term grows by one, nobody else's does.
fn transfer(cluster: &Cluster, group: u64, round: usize) -> Result<()> {
    let before = cluster.status()?;
    let find = |status: &quorate_e2e::cluster::Status| {
        let mut groups = status.groups.iter();
        groups.find(|other| other.number == group).cloned()
    };
    let old = find(&before).context("the group is gone")?;
    let mut others = old.voters.iter().filter(|id| Some(**id) != old.leader);
    let target = *others.nth(round % 2).context("nobody else votes")?;
    let asked = cluster.leader_of_most()?;
    cluster
        .admin(asked)
        .run(&["transfer", &group.to_string(), &target.to_string()])?;
    let after = wait::until("the group to have its new leader", wait::PATIENCE, || {
        let status = cluster.status().ok()?;
        (find(&status)?.leader == Some(target)).then_some(status)
    })?;
    let new = find(&after).context("the group is gone")?;
    ensure!(new.term == old.term + 1, "an election: {old:?} {new:?}");
    // The leaders may be spread anew meanwhile, one term for each that moves.
    let moved = before.groups.iter().zip(&after.groups);
    let moved = moved.filter(|(before, after)| before.leader != after.leader);
    ensure!(
        after.terms() - before.terms() <= moved.count() as u64,
        "{before:?} {after:?}"
    );
    Ok(())
}

#[test]
fn a_node_stopped_by_sigterm_under_load_delays_no_acknowledgement() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        for number in 1..=3 {
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
            let mut witness = Client::connect(cluster.node(number).mqtt, &Connect::new("w"))?;
            witness.ping()?;
            run.mark();
            let status = cluster.node_mut(number).terminate()?;
            ensure!(status.success(), "node {number} ended with {status}");
            let timing = run.acknowledges_again(load.publisher_count())?;
            let longest = timing.longest;
            println!("node {number} stopped: no acknowledgement later than {longest:.0?}");
            ensure!(
                longest < ACKNOWLEDGED_WITHIN,
                "an acknowledgement took {longest:?}"
            );
            let reason = witness.closed(wait::PATIENCE)?;
            ensure!(reason.is_some(), "its clients are not told");
            cluster.restart(number)?;
            cluster.whole()?;
            run.judge()?;
        }
        load.finish()
    })
}

#[test]
fn the_leaders_are_spread_over_the_nodes_and_spread_again() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        println!("shards led: {:?}", cluster.calm()?.shard_leaders());
        let victim = cluster.leader_of_most()?;
        cluster.node_mut(victim).kill()?;
        cluster.restart(victim)?;
        cluster.whole()?;
        for node in cluster.nodes() {
            ensure!(node.metric("quorate_lease_held")? == 1.0, "{node:?}");
        }
        println!("shards led: {:?}", cluster.calm()?.shard_leaders());
        Ok(())
    })
}
