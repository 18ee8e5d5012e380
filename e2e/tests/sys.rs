//! `$SYS` as clients see it, in mosquitto's names.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{Connect, Packet};
use quorate_e2e::tool::run_well;
use quorate_e2e::wait;

fn every_second() -> Options {
    let name = "QUORATE_SYS_INTERVAL_SECONDS".to_owned();
    Options {
        environment: vec![(name, "1".to_owned())],
        ..Options::default()
    }
}

/// What is retained under the filter for somebody who comes now.
fn account(port: u16, filter: &str) -> Result<BTreeMap<String, String>> {
    let mut client = Client::connect(port, &Connect::new("accountant"))?;
    client.subscribe(filter, 0)?;
    let mut account = BTreeMap::new();
    let end = Instant::now() + wait::PATIENCE;
    client.ping()?;
    while let Some(Packet::Publish(message)) = client.next_until(end)? {
        if message.retain {
            account.insert(message.topic.clone(), message.text());
        } else if !account.is_empty() {
            break;
        }
    }
    Ok(account)
}

#[test]
fn mosquittos_names_are_there_for_who_subscribes() -> Result<()> {
    with_broker(every_second(), |broker| {
        let names = [
            "version",
            "uptime",
            "clients/total",
            "clients/connected",
            "clients/disconnected",
            "clients/maximum",
            "messages/received",
            "messages/sent",
            "messages/stored",
            "store/messages/count",
            "store/messages/bytes",
            "publish/messages/received",
            "publish/messages/sent",
            "publish/messages/dropped",
            "publish/bytes/received",
            "publish/bytes/sent",
            "bytes/received",
            "bytes/sent",
            "subscriptions/count",
            "retained messages/count",
            "load/messages/received/1min",
            "load/messages/sent/5min",
            "load/publish/received/15min",
            "load/publish/sent/1min",
            "load/publish/dropped/1min",
            "load/bytes/received/1min",
            "load/bytes/sent/1min",
            "load/sockets/1min",
            "load/connections/1min",
        ];
        let found = account(broker.port, "$SYS/#")?;
        for name in names {
            let topic = format!("$SYS/broker/{name}");
            ensure!(found.contains_key(&topic), "{topic} is not told: {found:?}");
        }
        ensure!(found["$SYS/broker/version"].starts_with("quorate version "));
        ensure!(found["$SYS/broker/uptime"].ends_with(" seconds"));
        assert_eq!(found["$SYS/cluster/members"], found["$SYS/cluster/node"]);
        assert_eq!(found["$SYS/cluster/leader"], found["$SYS/cluster/node"]);
        assert_eq!(found["$SYS/cluster/members/count"], "1");
        let port = broker.port.to_string();
        let asked = [
            "-p",
            &port,
            "-t",
            "$SYS/broker/version",
            "-C",
            "1",
            "-W",
            "10",
        ];
        ensure!(run_well("mosquitto_sub", &asked)?.starts_with("quorate version "));
        Ok(())
    })
}

#[test]
fn the_numbers_are_those_of_what_clients_did() -> Result<()> {
    with_broker(every_second(), |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("busy"))?;
        client.subscribe("work/#", 0)?;
        client.subscribe("more", 0)?;
        for number in 0..50 {
            client.publish("work/a", number.to_string(), 1)?;
        }
        client.receive_texts(50)?;
        client.retain("kept", "x", 1)?;
        let mut sleeper = Client::connect(broker.port, &Connect::persistent("sleeper"))?;
        sleeper.subscribe("asleep", 1)?;
        sleeper.disconnect()?;
        client.publish("asleep", "queued", 1)?;
        let expected = [
            ("publish/messages/received", "52"),
            ("publish/messages/dropped", "0"),
            ("retained messages/count", "1"),
            ("store/messages/count", "2"),
            ("clients/disconnected", "1"),
            // The accountant is there too.
            ("clients/connected", "2"),
            ("subscriptions/count", "4"),
        ];
        let mut last = String::new();
        let matched = wait::until("the account to be right", wait::PATIENCE, || {
            let found = account(broker.port, "$SYS/broker/#").ok()?;
            last = format!("{found:?}");
            let told = |name: &str| found.get(&format!("$SYS/broker/{name}"));
            let right = expected
                .iter()
                .all(|(name, value)| told(name).is_some_and(|t| t == value));
            let load: f64 = told("load/publish/received/1min")?.parse().ok()?;
            (right && load > 1.0).then_some(())
        });
        matched.with_context(|| last.clone())
    })
}

#[test]
fn changes_come_by_themselves_and_only_to_those_who_ask_for_them() -> Result<()> {
    with_broker(every_second(), |broker| {
        let mut everything = Client::connect(broker.port, &Connect::new("everything"))?;
        for filter in ["#", "+/broker/uptime", "+/#"] {
            everything.subscribe(filter, 0)?;
        }
        let mut durable = Client::connect(broker.port, &Connect::persistent("durable"))?;
        durable.subscribe("$SYS/broker/uptime", 1)?;
        let retained = durable.receive()?;
        ensure!(retained.retain && retained.topic == "$SYS/broker/uptime");
        let (first, second) = (durable.receive()?, durable.receive()?);
        ensure!(!first.retain && !second.retain);
        ensure!(first.text() != second.text(), "told again without a change");
        everything.publish("ordinary", "x", 0)?;
        // Whatever else had come would stand before it.
        assert_eq!(everything.receive()?.topic, "ordinary");
        Ok(())
    })
}

#[test]
fn nobody_else_speaks_for_the_broker() -> Result<()> {
    const NOT_AUTHORIZED: u8 = 0x87;
    with_broker(every_second(), |broker| {
        let mut forger = Client::connect(broker.port, &Connect::new("forger"))?;
        let topic = "$SYS/broker/forged";
        forger.subscribe(topic, 1)?;
        forger.publish(topic, "x", 0)?;
        for qos in [1, 2] {
            assert_eq!(forger.publish(topic, "x", qos)?, NOT_AUTHORIZED);
        }
        assert_eq!(forger.retain(topic, "x", 1)?, NOT_AUTHORIZED);
        // Whatever had come would stand before this.
        forger.subscribe("other", 0)?;
        forger.publish("other", "y", 0)?;
        assert_eq!(forger.receive()?.topic, "other");
        Ok(())
    })
}

#[test]
fn it_can_be_switched_off() -> Result<()> {
    let mut options = every_second();
    options.environment[0].1 = "0".to_owned();
    with_broker(options, |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("curious"))?;
        client.subscribe("$SYS/#", 0)?;
        client.ping()?;
        ensure!(
            client
                .next_until(Instant::now() + Duration::from_millis(1500))?
                .is_none()
        );
        Ok(())
    })
}
