//! Messages from node to node, as clients see them.

use anyhow::{Context as _, Result};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Cluster, Options, Place, with_cluster};
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::packet::{Connect, Version, Will};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait;

/// Every pair of different nodes.
fn pairs(cluster: &Cluster) -> Vec<(Endpoint, Endpoint)> {
    let nodes = cluster.endpoints();
    let pair = |from: &Endpoint, to: &Endpoint| (*from, *to);
    nodes
        .iter()
        .flat_map(|from| nodes.iter().map(move |to| pair(from, to)))
        .filter(|(from, to)| from != to)
        .collect()
}

#[test]
fn what_is_published_on_one_node_arrives_on_another_at_every_qos() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        for (at, (from, to)) in pairs(cluster).into_iter().enumerate() {
            for version in [Version::V311, Version::V5] {
                for durable in [false, true] {
                    let name = format!("listener-{at}-{version:?}-{durable}");
                    let options = if durable {
                        Connect::persistent(&name)
                    } else {
                        Connect::new(&name)
                    };
                    let mut listener = Client::connect(to, &options.version(version))?;
                    let mut speaker = Client::connect(from, &Connect::new("speaker"))?;
                    let topic = format!("from/{at}/{version:?}/{durable}");
                    listener.subscribe(&topic, 2)?;
                    for qos in [0, 1, 2, 1, 0, 2] {
                        let text = format!("{from} to {to} at {qos}");
                        assert_eq!(speaker.publish(&topic, text.clone(), qos)?, 0);
                        let message = listener.receive().context(text.clone())?;
                        assert_eq!((message.text(), message.qos), (text, qos));
                    }
                }
            }
        }
        Ok(())
    })
}

#[test]
fn mosquitto_and_paho_clients_hear_each_other_across_nodes() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        for (from, to) in pairs(cluster) {
            for version in ["4", "5"] {
                let (to_port, from_port) = (to.port(), from.port());
                let nodes = [&to.host(), &to_port, &from.host(), &from_port, version];
                assert_eq!(Tool::paho("across.py", &nodes)?.end()?, ["ok"]);
            }
            let mut listener = mosquitto_sub(to, "temp", "2")?;
            for qos in ["0", "1", "2"] {
                let text = format!("22.{qos}");
                let (host, port) = (from.host(), from.port());
                let message = ["-t", "temp", "-m", &text, "-q", qos];
                run_well(
                    "mosquitto_pub",
                    &[&["-h", &host, "-p", &port], &message[..]].concat(),
                )?;
                assert_eq!(listener.line()?, format!("temp {text}"));
            }
        }
        Ok(())
    })
}

/// A `mosquitto_sub -v` that has its subscription: a message of our own proves it.
fn mosquitto_sub(node: Endpoint, topic: &str, qos: &str) -> Result<Tool> {
    let (host, port) = (node.host(), node.port());
    let arguments = ["-h", &host, "-p", &port, "-v", "-q", qos, "-t", topic];
    let mut tool = Tool::spawn("mosquitto_sub", &arguments)?;
    let mut prober = Client::connect(node, &Connect::new("prober"))?;
    let step = std::time::Duration::from_millis(20);
    let first = wait::until("the subscription of mosquitto_sub", wait::PATIENCE, || {
        prober.publish(topic, "probe", 1).ok()?;
        tool.line_within(step)
    })?;
    assert_eq!(first, format!("{topic} probe"));
    // Probes that were still on their way.
    while tool.line_within(step * 10).is_some() {}
    Ok(tool)
}

#[test]
fn a_retained_value_is_there_on_every_node() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        for round in 0..3_usize {
            for (at, node) in nodes.iter().enumerate() {
                let mut client = Client::connect(*node, &Connect::new("retainer"))?;
                for topic in 0..20 {
                    let text = format!("{round} {at}");
                    client.retain(&format!("kept/{at}/{topic}"), text, 1 + (topic % 2) as u8)?;
                }
                // A value replaced and one removed on another node than the one that kept it.
                client.retain("kept/moving", format!("{round} {at}"), 1)?;
                client.retain("kept/gone", if at == 2 { "" } else { "soon" }, 1)?;
            }
            for node in &nodes {
                let mut reader = Client::connect(*node, &Connect::new("reader"))?;
                reader.subscribe("kept/#", 1)?;
                let mut values: Vec<(String, String)> = (0..61)
                    .map(|_| {
                        let message = reader.receive()?;
                        Ok((message.topic.clone(), message.text()))
                    })
                    .collect::<Result<_>>()?;
                reader.ping()?;
                values.sort();
                assert!(values.contains(&("kept/moving".to_owned(), format!("{round} 2"))));
                let of_this_round =
                    |(_, text): &&(String, String)| text.starts_with(&format!("{round} "));
                assert_eq!(values.iter().filter(of_this_round).count(), 61);
                values.dedup_by(|a, b| a.0 == b.0);
                assert_eq!(values.len(), 61, "a topic came twice");
            }
        }
        Ok(())
    })
}

#[test]
fn a_persistent_session_takes_its_messages_along_to_another_node() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        for (at, version) in [Version::V311, Version::V5].into_iter().enumerate() {
            let options = Connect::persistent(&format!("traveller-{at}")).version(version);
            let mut traveller = Client::connect(nodes[0], &options)?;
            traveller.subscribe("box/#", 2)?;
            traveller.disconnect()?;
            for step in 1..=6 {
                let mut speaker = Client::connect(nodes[(step + 1) % 3], &Connect::new("s"))?;
                let texts: Vec<String> = (1..=3).map(|part| format!("{step}.{part}")).collect();
                for (text, qos) in texts.iter().zip([1, 2, 1]) {
                    assert_eq!(speaker.publish("box/in", text.clone(), qos)?, 0);
                }
                let mut traveller = Client::connect(nodes[step % 3], &options)?;
                assert!(traveller.session_present());
                assert_eq!(fresh_texts(&mut traveller, step)?, texts);
                traveller.disconnect()?;
            }
        }
        Ok(())
    })
}

/// The next three texts. At QoS 1 the last of the step before may come again: its acknowledgement went
/// through another node and may have been overtaken by the new connection.
fn fresh_texts(client: &mut Client, step: usize) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    while texts.len() < 3 {
        let message = client.receive()?;
        let is_old = !message.text().starts_with(&format!("{step}."));
        if is_old && message.dup && message.qos == 1 {
            continue;
        }
        texts.push(message.text());
    }
    Ok(texts)
}

#[test]
fn a_will_is_published_once_when_its_node_is_killed() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        let mut listeners = Vec::new();
        for (at, options) in [Connect::persistent("durable"), Connect::new("clean")]
            .into_iter()
            .enumerate()
        {
            let mut listener = Client::connect(nodes[at], &options)?;
            listener.subscribe("will/+", 1)?;
            listeners.push(listener);
        }
        let mut owners = Vec::new();
        for (name, options) in [
            ("a", Connect::persistent("owner-a")),
            ("b", Connect::new("owner-b")),
            ("c", Connect::persistent("owner-c").version(Version::V311)),
        ] {
            let will = Will {
                topic: format!("will/{name}"),
                payload: name.into(),
                qos: 1,
                retain: name == "b",
                delay: 0,
            };
            let options = Connect {
                will: Some(will),
                ..options
            };
            owners.push(Client::connect(nodes[2], &options)?);
        }
        cluster.node_mut(3).kill()?;
        for (at, listener) in listeners.iter_mut().enumerate() {
            let mut texts = Vec::new();
            for _ in 0..3 {
                let next = listener.receive();
                texts.push(
                    next.with_context(|| format!("listener {at} has {texts:?}"))?
                        .text(),
                );
            }
            texts.sort();
            assert_eq!(texts, ["a", "b", "c"]);
        }
        cluster.restart(3)?;
        cluster.whole()?;
        // Had a will been published again, it would have come before this.
        let mut speaker = Client::connect(nodes[2], &Connect::new("speaker"))?;
        speaker.publish("will/end", "end", 1)?;
        for (at, listener) in listeners.iter_mut().enumerate() {
            let last = listener.receive();
            let last = last.with_context(|| format!("the end, at listener {at}"))?;
            assert_eq!(last.text(), "end");
        }
        let mut reader = Client::connect(nodes[2], &Connect::new("reader"))?;
        reader.subscribe("will/b", 1)?;
        let kept = reader.receive().context("the will that was retained")?;
        assert_eq!(kept.text(), "b");
        Ok(())
    })
}
