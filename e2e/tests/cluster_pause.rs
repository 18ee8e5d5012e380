//! A node that stands still, and clocks that do not.

use std::time::Duration;

use anyhow::{Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Cluster, Options, Place, with_cluster};
use quorate_e2e::load::Load;
use quorate_e2e::packet::{Connect, Will};
use quorate_e2e::wait;
use quorate_e2e::wall_clock::WallClock;
use quorate_e2e::witness::Witness;

/// Twice a lease.
const PAUSE: Duration = Duration::from_secs(4);

const HOUR: i64 = 3600;

#[test]
fn a_node_paused_for_longer_than_a_lease_contradicts_nobody_after_waking() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        for _ in 0..3 {
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
            let victim = cluster.leader_of_most()?;
            let name = format!("at-{victim}-{}", run.checker().acknowledged_count());
            let mut witness = Witness::with(cluster.node(victim).mqtt, &name)?;
            cluster.node(victim).pause()?;
            // They wait in its socket, and are the first that it finds when it wakes.
            (0..100).for_each(|_| witness.publish());
            run.mark();
            let timing = run.acknowledges_again(load.publisher_count())?;
            println!(
                "without node {victim}: every publisher again after {:.1?}",
                timing.latest()
            );
            wait::pass(PAUSE);
            cluster.node(victim).resume()?;
            while witness.listen(Duration::from_millis(100)) {
                ensure!(
                    witness.published() < 1000,
                    "its old clients are still connected"
                );
                witness.publish();
            }
            cluster.whole()?;
            let late = witness.acknowledged_after(0);
            println!("acknowledged to those who stayed: {}", late.len());
            witness.nothing_is_lost(cluster.node(victim % 3 + 1).mqtt)?;
            run.settle()?;
            run.judge()?;
        }
        load.finish()
    })
}

#[test]
fn a_wall_clock_that_jumps_changes_nothing() -> Result<()> {
    let clock = WallClock::new()?;
    clock.works()?;
    let options = Options {
        environment: clock.environment(),
        ..Options::three(Place::Loopback)
    };
    with_cluster(options, |cluster| {
        let nodes = cluster.endpoints();
        // Each would end in less than an hour by a clock that jumps.
        let half_an_hour = Connect {
            session_expiry: 1800,
            ..Connect::persistent("sleeper")
        };
        let mut sleeper = Client::connect(nodes[0], &half_an_hour)?;
        sleeper.subscribe("box/#", 1)?;
        sleeper.disconnect()?;
        let mut listener = Client::connect(nodes[1], &Connect::new("listener"))?;
        listener.subscribe("will/#", 1)?;
        leave_a_delayed_will(cluster)?;
        let load = Load::over(&nodes)?;
        let run = load.run().clone();
        run.acknowledges_again(load.publisher_count())?;
        let before = cluster.calm()?;
        for seconds in [HOUR, 0, -HOUR, 0] {
            clock.jump(seconds)?;
            run.mark();
            let timing = run.acknowledges_again(load.publisher_count())?;
            println!(
                "at {seconds} s: every publisher again after {:.1?}",
                timing.latest()
            );
            wait::pass(Duration::from_secs(1));
            listener.ping()?;
        }
        cluster.status()?.has_the_terms_of(&before)?;
        load.finish()?;
        for at in [2, 0] {
            let mut speaker = Client::connect(nodes[at], &Connect::new("speaker"))?;
            speaker.publish("will/none", "no will so far", 1)?;
            assert_eq!(listener.receive()?.text(), "no will so far");
            speaker.publish("box/x", "still here", 1)?;
            let mut sleeper = Client::connect(nodes[at], &half_an_hour)?;
            ensure!(sleeper.session_present(), "the session has expired");
            assert_eq!(sleeper.receive()?.text(), "still here");
            sleeper.disconnect()?;
        }
        Ok(())
    })
}

/// A client that is gone, with a will that is due in half an hour.
fn leave_a_delayed_will(cluster: &Cluster) -> Result<()> {
    let will = Will {
        topic: "will/delayed".to_owned(),
        payload: b"half an hour has passed".to_vec(),
        qos: 1,
        retain: false,
        delay: 1800,
    };
    let options = Connect {
        will: Some(will),
        ..Connect::persistent("departed")
    };
    let departed = Client::connect(cluster.node(3).mqtt, &options)?;
    Ok(departed.socket()?.shutdown(std::net::Shutdown::Both)?)
}
