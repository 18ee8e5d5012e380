//! The network between the nodes is cut: the smaller side acknowledges nothing and closes its clients,
//! the larger goes on, and all is well again by itself when the lines are.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Cluster, Options, Place, with_cluster};
use quorate_e2e::load::Load;
use quorate_e2e::packet::Connect;
use quorate_e2e::wait;
use quorate_e2e::witness::Witness;

/// A lease is three seconds; one more for busy cores.
const CLOSED_WITHIN: Duration = Duration::from_secs(4);

/// A lease, and what the control leader needs to see who cannot reach whom.
const SERVES_WITHIN: Duration = Duration::from_secs(12);

/// A client that is refused hears so, or at least nothing else.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);

fn with_load(body: impl FnOnce(&mut Cluster, &Load) -> Result<()>) -> Result<()> {
    with_cluster(Options::three(Place::Namespaces), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        load.run().acknowledges_again(load.publisher_count())?;
        body(cluster, &load)?;
        cluster.network()?.heal()?;
        cluster.whole()?;
        load.run().mark();
        load.run().acknowledges_again(load.publisher_count())?;
        load.finish()
    })
}

/// A node without a majority: nothing is acknowledged, whoever was there is closed, nobody is let in.
fn is_fenced(cluster: &Cluster, number: usize, witness: &mut Witness) -> Result<()> {
    // What it sent before may still be acknowledged.
    witness.listen(Duration::from_millis(20));
    let before = witness.published();
    let took = witness.is_closed_within(CLOSED_WITHIN)?;
    println!("node {number} has closed its clients after {took:.1?}");
    let acknowledged = witness.acknowledged_after(before);
    ensure!(
        acknowledged.is_empty(),
        "alone, node {number} acknowledged {acknowledged:?}"
    );
    let node = cluster.node(number);
    ensure!(!node.is_ready(), "alone, node {number} is ready");
    let stranger = Client::connect_within(node.mqtt, &Connect::new("stranger"), REFUSED_WITHIN);
    ensure!(stranger.is_err(), "alone, node {number} takes clients");
    Ok(())
}

/// The larger side acknowledges what all publishers send.
fn goes_on(load: &Load) -> Result<()> {
    load.run().mark();
    let timing = load.run().acknowledges_again(load.publisher_count())?;
    println!(
        "every publisher is acknowledged again after {:.1?}",
        timing.latest()
    );
    load.run().judge()
}

#[test]
fn the_smaller_side_of_a_cut_acknowledges_nothing_and_the_larger_goes_on() -> Result<()> {
    with_load(|cluster, load| {
        let leader = cluster.leader_of_most()?;
        let follower = leader % 3 + 1;
        for number in [leader, follower] {
            let mut witness = Witness::with(cluster.node(number).mqtt, &format!("at-{number}"))?;
            witness.publish();
            cluster.network()?.isolate(number)?;
            is_fenced(cluster, number, &mut witness)?;
            goes_on(load).with_context(|| format!("without node {number}"))?;
            cluster.network()?.heal()?;
            cluster.whole()?;
            witness.nothing_is_lost(cluster.node(number).mqtt)?;
        }
        Ok(())
    })
}

#[test]
fn three_nodes_that_are_all_alone_acknowledge_nothing_and_find_together_again() -> Result<()> {
    with_load(|cluster, load| {
        let mut witnesses = Vec::new();
        for number in 1..=3 {
            let witness = Witness::with(cluster.node(number).mqtt, &format!("at-{number}"))?;
            witnesses.push((number, witness));
        }
        for number in 1..=3 {
            let others = number..=3;
            for other in others.skip(1) {
                cluster.network()?.cut(number, other)?;
            }
        }
        for (number, witness) in &mut witnesses {
            is_fenced(cluster, *number, witness)?;
        }
        load.run().judge()?;
        cluster.network()?.heal()?;
        cluster.whole()?;
        goes_on(load)?;
        for (number, witness) in &witnesses {
            witness.nothing_is_lost(cluster.node(*number).mqtt)?;
        }
        Ok(())
    })
}

#[test]
fn a_line_that_is_cut_one_way_stops_nobody_for_long() -> Result<()> {
    with_load(|cluster, load| {
        let leader = cluster.leader_of_most()?;
        let (second, third) = (leader % 3 + 1, (leader + 1) % 3 + 1);
        for (from, to) in [(leader, second), (third, leader)] {
            cluster.network()?.cut_one_way(from, to)?;
            two_serve(cluster, load).with_context(|| format!("{from} cannot reach {to}"))?;
            cluster.network()?.heal()?;
            cluster.whole()?;
        }
        Ok(())
    })
}

#[test]
fn two_nodes_that_reach_only_the_third_do_not_stop_it() -> Result<()> {
    with_load(|cluster, load| {
        let leader = cluster.leader_of_most()?;
        let (second, third) = (leader % 3 + 1, (leader + 1) % 3 + 1);
        for (one, other) in [(leader, second), (second, third)] {
            cluster.network()?.cut(one, other)?;
            two_serve(cluster, load).with_context(|| format!("{one} and {other} are cut"))?;
            cluster.network()?.heal()?;
            cluster.whole()?;
        }
        Ok(())
    })
}

/// At least two nodes come to serve again, with each other, and stay so.
fn two_serve(cluster: &Cluster, load: &Load) -> Result<()> {
    let began = Instant::now();
    let mut last = None;
    let waited = wait::until("two nodes to serve with each other", SERVES_WITHIN, || {
        last = serving(cluster).err();
        last.is_none().then_some(())
    });
    waited.with_context(|| last.map_or(String::new(), |error| format!("{error:#}")))?;
    println!("two nodes serve after {:.1?}", began.elapsed());
    goes_on(load)?;
    // Longer than a lease: what was to happen has happened.
    wait::pass(Duration::from_secs(3));
    serving(cluster)?;
    goes_on(load)
}

/// Two nodes at least are ready, and there a SUBSCRIBE is answered and publishes arrive from each other.
fn serving(cluster: &Cluster) -> Result<()> {
    let ready: Vec<_> = cluster
        .nodes()
        .iter()
        .filter(|node| node.is_ready())
        .collect();
    ensure!(ready.len() >= 2, "only {} nodes serve", ready.len());
    for node in &ready {
        let options = Connect::new("subscriber");
        let mut client = Client::connect_within(node.mqtt, &options, REFUSED_WITHIN)?;
        client.subscribe("some/topic", 1).context("SUBACK")?;
        for other in &ready {
            let options = Connect::new("speaker");
            let mut speaker = Client::connect_within(other.mqtt, &options, REFUSED_WITHIN)?;
            speaker.publish("some/topic", other.mqtt.to_string(), 1)?;
            let text = client.receive()?.text();
            ensure!(text == other.mqtt.to_string(), "{text}");
        }
    }
    Ok(())
}
