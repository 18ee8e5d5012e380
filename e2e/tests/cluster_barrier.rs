//! A SUBACK is a promise of every node: what is published anywhere after it arrives.

use std::thread;

use anyhow::{Context as _, Result};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Options, Place, with_cluster};
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::packet::Connect;

const PAIRS: usize = 50;
const ROUNDS: usize = 20;
const MILLISECONDS: u32 = 100;

#[test]
fn a_thousand_messages_published_right_after_a_suback_across_a_slow_line_arrive() -> Result<()> {
    with_cluster(Options::three(Place::Namespaces), |cluster| {
        for other in [1, 2] {
            cluster.network()?.slow_down(3, other, MILLISECONDS)?;
        }
        cluster.whole()?;
        let (here, there) = (cluster.node(1).mqtt, cluster.node(3).mqtt);
        let pairs: Vec<_> = (0..PAIRS)
            .map(|pair| thread::spawn(move || one_pair(pair, here, there)))
            .collect();
        for pair in pairs {
            pair.join().ok().context("a pair panicked")??;
        }
        println!("{} messages, none missed", PAIRS * ROUNDS);
        Ok(())
    })
}

/// Subscribes here and publishes there at once; clean and persistent sessions, every QoS.
fn one_pair(pair: usize, here: Endpoint, there: Endpoint) -> Result<()> {
    let name = format!("listener-{pair}");
    let options = if pair.is_multiple_of(2) {
        Connect::new(&name)
    } else {
        Connect::persistent(&name)
    };
    let mut listener = Client::connect(here, &options)?;
    let mut speaker = Client::connect(there, &Connect::new(&format!("speaker-{pair}")))?;
    for round in 0..ROUNDS {
        let topic = format!("barrier/{pair}/{round}");
        listener.subscribe(&topic, 2).context("SUBACK")?;
        speaker.publish(&topic, topic.clone(), (round % 3) as u8)?;
        let message = listener
            .receive()
            .with_context(|| format!("MISSED: {topic}"))?;
        assert_eq!(message.topic, topic);
    }
    Ok(())
}
