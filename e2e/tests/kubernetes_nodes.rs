//! A machine falls off the network: nothing acknowledged is lost, its clients go elsewhere, and when it comes back the cluster is
//! whole again without anybody's hand.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::kubernetes::{Broker, Node, PATIENCE, Pod, demo, text, with_own_kubernetes};
use quorate_e2e::packet::{Connect, Will};
use quorate_e2e::wait;

const MESSAGES: usize = 500;

/// From the cut to a node that takes a durable publish: the lease of the lost node must end first.
const TAKEOVER_MAX: Duration = Duration::from_secs(30);

/// How long is looked for a message that must not come.
const QUIET: Duration = Duration::from_secs(3);

/// The first pod and two others, each on a machine of its own.
fn three_apart(broker: &Broker<'_>) -> Result<[Pod; 3]> {
    let pods = broker.pods()?;
    let [a, b, c] = <[Pod; 3]>::try_from(pods).ok().context("not three pods")?;
    ensure!(
        a.node != b.node && b.node != c.node && a.node != c.node,
        "two pods share a machine"
    );
    Ok([a, b, c])
}

/// Publishes one after the other; one that is refused or not answered is published again.
fn publish_all(to: Endpoint, topic: &str) -> Result<Duration> {
    let began = Instant::now();
    let mut client: Option<Client> = None;
    for number in 0..MESSAGES {
        wait::until("an acknowledgement", TAKEOVER_MAX, || {
            if client.is_none() {
                client = Client::connect(to, &Connect::new("publisher")).ok();
            }
            let published = client.as_mut()?.publish(topic, number.to_string(), 1);
            let taken = published.is_ok_and(|code| code < 0x80);
            if !taken {
                client = None;
            }
            taken.then_some(())
        })
        .with_context(|| format!("message {number}"))?;
    }
    Ok(began.elapsed())
}

/// First occurrences, in the order in which they came.
fn receive_all(client: &mut Client) -> Result<Vec<usize>> {
    let mut numbers: Vec<usize> = Vec::new();
    while numbers.len() < MESSAGES {
        let message = client.receive();
        let message = message.with_context(|| format!("only {} came", numbers.len()))?;
        let number = message.text().parse()?;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

#[test]
fn a_session_survives_the_loss_of_its_machine_with_every_message_in_order() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let [a, b, c] = three_apart(&broker)?;
        let session = Connect::persistent("traveller");
        let mut client = Client::connect(a.mqtt()?, &session)?;
        client.subscribe("survives/it", 1)?;
        drop(client);
        let mut machine = Node::of(kubernetes, &a.node);
        machine.cut()?;
        println!("{} on {} is cut off", a.name, a.node);
        let took = publish_all(b.mqtt()?, "survives/it")?;
        println!(
            "{MESSAGES} messages acknowledged by {} after {took:.1?}",
            b.name
        );
        let mut client = Client::connect_within(c.mqtt()?, &session, TAKEOVER_MAX)?;
        ensure!(client.session_present(), "{} knows no session", c.name);
        let numbers = receive_all(&mut client)?;
        ensure!(numbers.is_sorted(), "out of order: {numbers:?}");
        client.disconnect()?;
        machine.is_missed()?;
        kubernetes.until("the status to count two voters", PATIENCE, || {
            let quorum = text(&broker.resource()?, "/status/quorum");
            Ok((quorum == "2/3").then_some(()))
        })?;
        machine.heal()?;
        let took = broker.whole()?;
        println!("three voters again {took:.1?} after {} was ready", a.node);
        Ok(())
    })
}

#[test]
fn a_will_is_published_once_when_the_pod_that_held_its_connection_is_killed() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let [a, b, _] = three_apart(&broker)?;
        let mut watcher = Client::connect(b.mqtt()?, &Connect::new("watcher"))?;
        watcher.subscribe("last/words", 1)?;
        let will = Will {
            topic: "last/words".to_owned(),
            payload: b"gone".to_vec(),
            qos: 1,
            retain: false,
            delay: 0,
        };
        let mortal = Connect {
            will: Some(will),
            ..Connect::persistent("mortal")
        };
        let mortal = Client::connect(a.mqtt()?, &mortal)?;
        broker.kill_pod(&a)?;
        ensure!(watcher.receive()?.text() == "gone", "another message");
        drop(mortal);
        broker.whole()?;
        let again = watcher.next(QUIET);
        ensure!(again.is_err(), "a second will: {again:?}");
        Ok(())
    })
}
