//! Messages between other people's clients, through the real process.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{self, Connect, Publish, Version};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait;

/// A `mosquitto_sub` that prints `topic payload` and has its subscription; a marker proves it.
fn subscriber(broker: &Broker, filter: &str, qos: &str) -> Result<Tool> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let ready = format!("ready/{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let port = broker.port.to_string();
    let filters = ["-t", filter, "-t", &ready];
    let mut arguments = vec!["-p", &port, "-v", "-q", qos];
    arguments.extend(filters);
    let mut tool = Tool::spawn("mosquitto_sub", &arguments)?;
    let mut marker = Client::connect(broker.port, &Connect::new("marker"))?;
    marker.retain(&ready, "yes", 0)?;
    let line = tool
        .line()
        .context("a retained message that crosses the subscription")?;
    ensure!(line == format!("{ready} yes"), "{line}");
    marker.retain(&ready, "", 0)?;
    // The clearing itself may or may not have been seen before the line above.
    let line = tool.line().context("the clearing of a retained message")?;
    ensure!(line.starts_with(&ready), "{line}");
    Ok(tool)
}

fn publish(broker: &Broker, arguments: &[&str]) -> Result<String> {
    let port = broker.port.to_string();
    let mut all = vec!["-p", &port];
    all.extend(arguments);
    run_well("mosquitto_pub", &all)
}

#[test]
fn mosquitto_clients_exchange_messages_at_every_qos() -> Result<()> {
    with_broker(Options::default(), |broker| {
        for (qos, version) in [
            ("0", "311"),
            ("1", "311"),
            ("2", "311"),
            ("0", "5"),
            ("1", "5"),
            ("2", "5"),
        ] {
            let mut tool = subscriber(broker, "a/exact", qos)?;
            let message = format!("qos {qos} version {version}");
            publish(
                broker,
                &["-V", version, "-q", qos, "-t", "a/other", "-m", "no"],
            )?;
            publish(
                broker,
                &["-V", version, "-q", qos, "-t", "a/exact", "-m", &message],
            )?;
            assert_eq!(tool.line()?, format!("a/exact {message}"));
        }
        Ok(())
    })
}

#[test]
fn plus_matches_one_level_and_hash_the_rest() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut plus = subscriber(broker, "house/+/temp", "1")?;
        let mut hash = subscriber(broker, "house/#", "1")?;
        for topic in [
            "house",
            "house/kitchen/temp",
            "house/a/b/temp",
            "garden/x/temp",
            "house/hall/temp",
        ] {
            publish(broker, &["-q", "1", "-t", topic, "-m", "1"])?;
        }
        for topic in ["house/kitchen/temp", "house/hall/temp"] {
            assert_eq!(plus.line()?, format!("{topic} 1"));
        }
        for topic in [
            "house",
            "house/kitchen/temp",
            "house/a/b/temp",
            "house/hall/temp",
        ] {
            assert_eq!(hash.line()?, format!("{topic} 1"));
        }
        Ok(())
    })
}

#[test]
fn a_retained_message_greets_new_subscribers_until_it_is_cleared() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let port = broker.port.to_string();
        publish(broker, &["-r", "-q", "1", "-t", "state/a", "-m", "old"])?;
        publish(broker, &["-r", "-q", "1", "-t", "state/a", "-m", "new"])?;
        publish(broker, &["-r", "-q", "0", "-t", "state/b", "-m", "other"])?;
        let both = [
            "-p", &port, "-t", "state/#", "-C", "2", "-W", "10", "-F", "%t %p %r",
        ];
        let mut lines: Vec<String> = run_well("mosquitto_sub", &both)?
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        assert_eq!(lines, ["state/a new 1", "state/b other 1"]);
        publish(broker, &["-r", "-n", "-q", "1", "-t", "state/a"])?;
        let mut late = Client::connect(broker.port, &Connect::new("late"))?;
        late.subscribe("state/#", 1)?;
        assert_eq!(late.receive()?.text(), "other");
        // Whatever else was retained would stand before this on the wire.
        late.publish("state/end", "end", 0)?;
        assert_eq!(late.receive()?.text(), "end");
        Ok(())
    })
}

#[test]
fn a_retained_message_and_a_subscription_that_cross_each_other_meet() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
        for round in 0..250_u8 {
            let topic = format!("crossing/{round}");
            let mut subscriber = Client::connect(broker.port, &Connect::new("subscriber"))?;
            let message = Publish {
                retain: true,
                ..Publish::new(&topic, "met", round % 2)
            };
            let message = Publish {
                id: u16::from(round % 2),
                ..message
            };
            publisher.send(&packet::publish(Version::V5, &message))?;
            subscriber.subscribe(&topic, 1)?;
            let met = subscriber
                .receive()
                .with_context(|| format!("round {round}"))?;
            assert_eq!(met.text(), "met");
            subscriber.disconnect()?;
        }
        Ok(())
    })
}

#[test]
fn retained_messages_survive_a_restart() -> Result<()> {
    with_broker(Options::default(), |broker| {
        publish(broker, &["-r", "-q", "1", "-t", "kept", "-m", "still here"])?;
        broker.terminate()?;
        broker.restart()?;
        let mut client = Client::connect(broker.port, &Connect::new("after"))?;
        client.subscribe("kept", 1)?;
        let message = client.receive()?;
        assert_eq!(
            (message.text().as_str(), message.retain),
            ("still here", true)
        );
        Ok(())
    })
}

#[test]
fn paho_exchanges_messages_in_both_versions() -> Result<()> {
    with_broker(Options::default(), |broker| {
        for version in ["4", "5"] {
            let lines = Tool::paho("roundtrip.py", &[&broker.port.to_string(), version])?.end()?;
            assert_eq!(lines, ["ok"]);
        }
        Ok(())
    })
}

#[test]
fn messages_of_one_publisher_arrive_in_order_at_every_qos() -> Result<()> {
    with_broker(Options::default(), |broker| {
        for version in [Version::V311, Version::V5] {
            for qos in 0..=2 {
                let mut client =
                    Client::connect(broker.port, &Connect::new("order").version(version))?;
                client.subscribe("order", qos)?;
                for number in 0..200 {
                    client.publish("order", number.to_string(), qos)?;
                }
                let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
                assert_eq!(client.receive_texts(200)?, expected);
                client.disconnect()?;
            }
        }
        Ok(())
    })
}

#[test]
fn metrics_count_what_clients_did() -> Result<()> {
    with_broker(Options::default(), |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("zebra"))?;
        client.subscribe("zebra/#", 1)?;
        for _ in 0..10 {
            client.publish("zebra/a", "x", 1)?;
        }
        client.receive_texts(10)?;
        let (status, page) = quorate_e2e::http::get(broker.http_port, "/metrics")?;
        assert_eq!(status, 200);
        assert!(
            !page.contains("zebra"),
            "a topic or client id in the metrics"
        );
        wait::until("the connection to be counted", wait::PATIENCE, || {
            broker
                .metric("quorate_connections")
                .ok()
                .filter(|count| *count == 1.0)
        })?;
        for line in page
            .lines()
            .filter(|line| line.starts_with("# TYPE quorate_"))
        {
            let name = line.split(' ').nth(2).unwrap_or_default();
            ensure!(
                page.contains(&format!("# HELP {name} ")),
                "no help on {name}"
            );
        }
        Ok(())
    })
}
