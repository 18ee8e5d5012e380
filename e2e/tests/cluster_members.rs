//! Nodes come and go for good.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Cluster, Options, Place, with_cluster};
use quorate_e2e::load::Load;
use quorate_e2e::packet::Connect;
use quorate_e2e::wait;

#[test]
fn a_wiped_node_joins_as_a_new_one_and_nobody_answers_for_the_old() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        for number in [3, 1] {
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
            let old = cluster.id_of(number)?;
            cluster.node_mut(number).kill()?;
            cluster.wipe_and_join(number)?;
            let new = wait::until("the wiped node to be a member", wait::PATIENCE * 2, || {
                let status = cluster.status().ok()?;
                let address = cluster.node(number).peers_address();
                let is_new = |id: u64| (id != old).then_some(id);
                let at = status.members.iter().rev();
                let mut at = at.filter(|member| member.peer_address == address);
                at.find_map(|member| is_new(member.id))
            })?;
            remove_if_there(cluster, old)?;
            cluster.whole()?;
            let status = cluster.status()?;
            ensure!(status.members.len() == 3, "{status:?}");
            for group in &status.groups {
                let answers = group.voters.contains(&old) || group.leader == Some(old);
                ensure!(!answers, "somebody answers for {old}: {group:?}");
                ensure!(group.voters.contains(&new), "{new} has no vote: {group:?}");
            }
            run.settle()?;
            run.judge()?;
        }
        // The two that are new now must hold everything: one of them alone has a majority with the third.
        cluster.node_mut(2).kill()?;
        run.mark();
        run.acknowledges_again(load.publisher_count())?;
        cluster.restart(2)?;
        cluster.whole()?;
        load.finish()
    })
}

/// The dead voter is taken out, unless the cluster has done so by itself.
fn remove_if_there(cluster: &Cluster, id: u64) -> Result<()> {
    let alive = cluster.leader_of_most()?;
    wait::until("the dead voter to be removed", wait::PATIENCE * 2, || {
        let status = cluster.status().ok()?;
        if status.member(id).is_none() {
            return Some(());
        }
        // Refused while another change is under way; then it is tried again.
        let _ = cluster.admin(alive).run(&["remove", &id.to_string()]);
        None
    })
}

#[test]
fn a_cluster_grows_to_five_and_shrinks_to_one_under_load() -> Result<()> {
    let options = Options {
        size: 1,
        ..Options::three(Place::Loopback)
    };
    with_cluster(options, |cluster| {
        for _ in 2..=5 {
            cluster.prepare_node()?;
        }
        let load = Load::over(&cluster.endpoints())?;
        let run = load.run().clone();
        for number in 2..=5 {
            cluster.join(number)?;
            cluster
                .whole()
                .with_context(|| format!("node {number} joins"))?;
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
        }
        println!("five nodes, leaders: {:?}", cluster.status()?.leaders());
        // The first one too: nobody is special.
        for number in [5, 1, 4, 2] {
            let id = cluster.id_of(number)?.to_string();
            let other = if number == 3 { 2 } else { 3 };
            cluster
                .admin(other)
                .run(&["remove", &id])
                .with_context(|| format!("node {number} is removed"))?;
            let status = cluster.node_mut(number).ended()?;
            println!("node {number} ended with {status}");
            let log = cluster.node(number).log();
            ensure!(
                log.to_lowercase().contains("removed"),
                "it does not say why it ended"
            );
            cluster
                .whole()
                .with_context(|| format!("without node {number}"))?;
            run.mark();
            run.acknowledges_again(load.publisher_count())?;
            run.judge()?;
        }
        ensure!(cluster.status()?.members.len() == 1);
        load.finish()
    })
}

#[test]
fn a_node_that_was_away_past_the_purged_log_comes_back() -> Result<()> {
    let setting = |name: &str| (format!("QUORATE_STORAGE_{name}"), "1MiB".to_owned());
    let options = Options {
        environment: vec![setting("SEGMENT_BYTES"), setting("LOG_BYTES_MAX")],
        ..Options::three(Place::Loopback)
    };
    with_cluster(options, |cluster| {
        let nodes = cluster.endpoints();
        let load = Load::over(&nodes)?;
        load.run().acknowledges_again(load.publisher_count())?;
        cluster.node_mut(3).kill()?;
        let mut speaker = Client::connect(nodes[0], &Connect::new("speaker"))?;
        let mut keepers = Vec::new();
        for keeper in 0..8 {
            let options = Connect::persistent(&format!("keeper-{keeper}"));
            let mut client = Client::connect(nodes[1], &options)?;
            client.subscribe(&format!("heap/{keeper}"), 1)?;
            client.disconnect()?;
            keepers.push(options);
        }
        // Several times the log's bound in every shard that has a keeper.
        for number in 0..320_u32 {
            let topic = format!("heap/{}", number % 8);
            let payload = [number.to_string().as_bytes(), &[b' '; 60_000]].concat();
            speaker.publish(&topic, payload, 1)?;
        }
        cluster.restart(3)?;
        cluster.whole()?;
        wait::pass(Duration::from_secs(1));
        // Whatever is acknowledged now needs the one that was away.
        cluster.node_mut(1).kill()?;
        load.run().mark();
        load.run().acknowledges_again(load.publisher_count())?;
        for (keeper, options) in keepers.iter().enumerate() {
            let mut client = Client::connect(nodes[2], options)?;
            for step in 0..40 {
                let text = client.receive()?.text();
                assert_eq!(text.trim_end(), (step * 8 + keeper).to_string());
            }
        }
        cluster.restart(1)?;
        cluster.whole()?;
        load.finish()
    })
}
