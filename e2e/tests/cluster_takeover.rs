//! One client id has one connection in the whole cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Options, Place, with_cluster};
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::packet::{Connect, Packet};
use quorate_e2e::wait;

const TAKEN_OVER: u8 = 0x8e;
/// Impatient: a node that is killed does not hold a rival up.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_newer_connection_on_another_node_ends_the_older() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        for options in [Connect::new("twin"), Connect::persistent("twin")] {
            let mut older = Client::connect(nodes[0], &options)?;
            for step in 1..=6 {
                let newer = Client::connect(nodes[step % 3], &options)?;
                assert_eq!(older.closed(wait::PATIENCE)?, Some(TAKEN_OVER));
                older = newer;
            }
            older.ping()?;
            older.disconnect()?;
        }
        Ok(())
    })
}

#[test]
fn of_one_client_id_on_three_nodes_one_is_left_through_a_change_of_leaders() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        for round in 0..2 {
            let calm = Arc::new(AtomicBool::new(false));
            let rivals: Vec<_> = nodes
                .iter()
                .map(|node| (*node, Arc::clone(&calm)))
                .map(|(node, calm)| thread::spawn(move || rival(node, round, &calm)))
                .collect();
            wait::pass(Duration::from_secs(1));
            let victim = cluster.leader_of_most()?;
            cluster.node_mut(victim).kill()?;
            wait::pass(Duration::from_secs(2));
            cluster.restart(victim)?;
            cluster.whole()?;
            calm.store(true, Ordering::SeqCst);
            let mut open = Vec::new();
            let mut connected = 0;
            for rival in rivals {
                let (client, connections) = rival.join().ok().context("a rival panicked")?;
                open.extend(client);
                connected += connections;
            }
            println!("{connected} connections of one client id");
            let left = open.iter_mut().filter_map(|client| client.ping().ok());
            ensure!(left.count() == 1, "more or fewer than one is left");
            one_delivery(&mut open, nodes[round])?;
        }
        Ok(())
    })
}

/// Connects again whenever it is put out, until all is calm; gives the last connection and their number.
fn rival(node: Endpoint, round: usize, calm: &AtomicBool) -> (Option<Client>, u32) {
    let options = if round == 0 {
        Connect::new("one")
    } else {
        Connect::persistent("one")
    };
    let (mut last, mut connections) = (None, 0);
    while !calm.load(Ordering::SeqCst) {
        let Ok(mut client) = Client::connect_within(node, &options, PATIENCE) else {
            wait::pass(Duration::from_millis(20));
            continue;
        };
        connections += 1;
        while !calm.load(Ordering::SeqCst) {
            match client.next(Duration::from_millis(50)) {
                Ok(Packet::Disconnect(_)) => break,
                Ok(_) => {}
                Err(error) if error.to_string().contains("in time") => {}
                Err(_) => break,
            }
        }
        last = Some(client);
    }
    (last, connections)
}

/// A message to the client id arrives once.
fn one_delivery(open: &mut [Client], node: Endpoint) -> Result<()> {
    let mut subscribed = Vec::new();
    for client in open {
        if client.subscribe("to/one", 1).is_ok() {
            subscribed.push(client);
        }
    }
    let mut speaker = Client::connect(node, &Connect::new("speaker"))?;
    for text in ["first", "second"] {
        speaker.publish("to/one", text, 1)?;
    }
    let [client] = &mut subscribed[..] else {
        anyhow::bail!("{} are subscribed", subscribed.len());
    };
    assert_eq!(client.receive_texts(2)?, ["first", "second"]);
    Ok(())
}
