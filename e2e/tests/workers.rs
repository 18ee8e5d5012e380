//! Promises between connections that live on different workers.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{self, Connect, Publish, Version};
use quorate_e2e::wait;

/// Three, so that no two of them are each other's only neighbour.
fn three_workers() -> Options {
    let arguments = vec!["--workers".to_owned(), "3".to_owned()];
    Options {
        arguments,
        ..Options::default()
    }
}

/// Clients on all workers: new connections go where there are fewest.
fn clients(broker: &Broker, prefix: &str, count: usize) -> Result<Vec<Client>> {
    let connect =
        |number| Client::connect(broker.port, &Connect::new(&format!("{prefix}-{number}")));
    (0..count).map(connect).collect()
}

#[test]
fn a_publish_that_starts_after_the_suback_reaches_the_subscriber() -> Result<()> {
    with_broker(three_workers(), |broker| {
        let mut publishers = clients(broker, "publisher", 3)?;
        let mut subscribers = clients(broker, "subscriber", 3)?;
        for round in 0..1000 {
            let topic = format!("after/{round}");
            let publisher = &mut publishers[round % 3];
            let subscriber = &mut subscribers[round / 3 % 3];
            subscriber.subscribe(&topic, (round % 2) as u8)?;
            let publish = Publish::new(&topic, topic.clone(), 0);
            publisher.send(&packet::publish(Version::V5, &publish))?;
            let message = subscriber
                .receive()
                .with_context(|| format!("round {round}"))?;
            assert_eq!(message.text(), topic);
            if round % 5 == 0 {
                subscriber.unsubscribe(&topic)?;
            }
        }
        Ok(())
    })
}

#[test]
fn members_of_a_share_group_take_turns_wherever_they_are() -> Result<()> {
    with_broker(three_workers(), |broker| {
        let mut publishers = clients(broker, "publisher", 3)?;
        // Not the same number on each worker.
        let mut members = clients(broker, "member", 5)?;
        for member in &mut members {
            member.subscribe("$share/g/jobs", 1)?;
        }
        let mut counts = [0; 5];
        for (at, publisher) in publishers.iter_mut().enumerate() {
            for number in 0..50 {
                publisher.publish("jobs", format!("{at} {number}"), (number % 2) as u8)?;
            }
        }
        let mut seen = BTreeSet::new();
        for (member, count) in members.iter_mut().zip(&mut counts) {
            // Thirty each: the turns of each publisher's worker are exact.
            for text in member.receive_texts(30)? {
                ensure!(seen.insert(text.clone()), "{text} came twice");
                *count += 1;
            }
            member.ping()?;
        }
        assert_eq!((seen.len(), counts), (150, [30; 5]));
        // One that leaves in the middle takes nothing along.
        let last = members.pop().context("five members")?;
        last.disconnect()?;
        for number in 0..80 {
            publishers[number % 3].publish("jobs", format!("late {number}"), 1)?;
        }
        let mut late = BTreeSet::new();
        for member in &mut members {
            late.extend(member.receive_texts(15)?);
        }
        ensure!(late.len() == 60, "{} of 60", late.len());
        Ok(())
    })
}

#[test]
fn retained_messages_and_subscriptions_on_other_workers_meet() -> Result<()> {
    with_broker(three_workers(), |broker| {
        let mut publishers = clients(broker, "publisher", 3)?;
        let mut subscribers = clients(broker, "subscriber", 3)?;
        for round in 0..300_usize {
            let topic = format!("crossing/{round}");
            let qos = (round % 2) as u8;
            let message = Publish {
                retain: true,
                id: u16::from(qos),
                ..Publish::new(&topic, "met", qos)
            };
            publishers[round % 3].send(&packet::publish(Version::V5, &message))?;
            let subscriber = &mut subscribers[round / 3 % 3];
            subscriber.subscribe(&topic, 1)?;
            let met = subscriber
                .receive()
                .with_context(|| format!("round {round}"))?;
            ensure!(met.text() == "met" && met.topic == topic, "{met:?}");
            subscriber.unsubscribe(&topic)?;
        }
        Ok(())
    })
}

#[test]
fn order_holds_from_many_workers_to_many() -> Result<()> {
    const MESSAGES: u32 = 2000;
    with_broker(three_workers(), |broker| {
        for qos in 0..=2 {
            let subscribers = clients(broker, "subscriber", 3)?;
            let publishers = clients(broker, "publisher", 3)?;
            let receiving: Vec<_> = subscribers
                .into_iter()
                .map(|mut subscriber| {
                    subscriber.subscribe("order/+", qos)?;
                    Ok(thread::spawn(move || {
                        in_order(&mut subscriber, MESSAGES * 3)
                    }))
                })
                .collect::<Result<_>>()?;
            let sending = publishers
                .into_iter()
                .enumerate()
                .map(|(number, mut publisher)| {
                    thread::spawn(move || {
                        let topic = format!("order/{number}");
                        (0..MESSAGES).try_for_each(|sequence| {
                            publisher
                                .publish(&topic, sequence.to_string(), qos)
                                .map(drop)
                        })
                    })
                });
            for thread in sending.collect::<Vec<_>>() {
                thread.join().ok().context("a publisher panicked")??;
            }
            for thread in receiving {
                thread.join().ok().context("a subscriber panicked")??;
            }
        }
        Ok(())
    })
}

/// Receives that many messages, each topic's in its order and without gaps.
fn in_order(subscriber: &mut Client, count: u32) -> Result<()> {
    let mut next = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..count {
        let message = subscriber.receive()?;
        let expected = next.entry(message.topic.clone()).or_default();
        ensure!(
            message.text() == expected.to_string(),
            "{message:?}, not {expected}"
        );
        *expected += 1;
    }
    Ok(())
}

#[test]
fn a_client_id_moves_between_workers() -> Result<()> {
    with_broker(three_workers(), |broker| {
        let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
        let mut current = Client::connect(broker.port, &Connect::persistent("nomad"))?;
        current.subscribe("moves", 1)?;
        for round in 0..100_i32 {
            let mut next = Client::connect(broker.port, &Connect::persistent("nomad"))?;
            assert!(next.session_present(), "round {round}");
            assert_eq!(current.closed(wait::PATIENCE)?, Some(0x8e));
            publisher.publish("moves", round.to_string(), 1)?;
            let mut message = next.receive()?;
            while message.text() != round.to_string() {
                // Its acknowledgement came too late for an old connection: at least once, and marked.
                ensure!(
                    message.dup && message.text().parse::<i32>()? < round,
                    "{message:?}"
                );
                message = next.receive()?;
            }
            current = next;
        }
        Ok(())
    })
}
