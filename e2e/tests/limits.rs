//! Limits of the configuration, as clients meet them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::Connect;
use quorate_e2e::wait;

const QUOTA_EXCEEDED: u8 = 0x97;

fn limited(limits: &[(&str, &str)]) -> Options {
    let variable = |(name, value): &(&str, &str)| {
        let name = format!("QUORATE_LIMITS_{}", name.to_uppercase());
        (name, (*value).to_owned())
    };
    Options {
        environment: limits.iter().map(variable).collect(),
        ..Options::default()
    }
}

/// Leaves a session that is away, publishes twelve messages for it; gives the codes and what it gets then.
fn fill_a_queue(port: u16) -> Result<(Vec<u8>, Vec<String>)> {
    let away = Connect::persistent("away");
    let mut sleeper = Client::connect(port, &away)?;
    sleeper.subscribe("t", 1)?;
    sleeper.disconnect()?;
    let mut publisher = Client::connect(port, &Connect::new("publisher"))?;
    let codes = (0..12).map(|n: u8| publisher.publish("t", n.to_string(), 1));
    let codes = codes.collect::<Result<_>>()?;
    let mut sleeper = Client::connect(port, &away)?;
    let texts = sleeper.receive_texts(10)?;
    let more = sleeper.next_until(Instant::now() + Duration::from_millis(200))?;
    ensure!(more.is_none(), "{more:?} came after ten");
    Ok((codes, texts))
}

#[test]
fn a_full_queue_refuses_the_newest_and_says_so() -> Result<()> {
    let options = limited(&[("session_queue_messages_max", "10")]);
    with_broker(options, |broker| {
        let (codes, texts) = fill_a_queue(broker.port)?;
        let expected: Vec<u8> = [[0; 10].as_slice(), &[QUOTA_EXCEEDED; 2]].concat();
        assert_eq!(codes, expected);
        let oldest: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(texts, oldest);
        Ok(())
    })
}

#[test]
fn a_full_queue_may_lose_its_oldest_instead() -> Result<()> {
    let policy = ("session_queue_full", "drop_oldest");
    let options = limited(&[("session_queue_messages_max", "10"), policy]);
    with_broker(options, |broker| {
        let (codes, texts) = fill_a_queue(broker.port)?;
        assert_eq!(codes, [0; 12]);
        let newest: Vec<_> = (2..12).map(|n| n.to_string()).collect();
        assert_eq!(texts, newest);
        Ok(())
    })
}

#[test]
fn one_connection_too_many_is_closed_until_another_one_leaves() -> Result<()> {
    with_broker(limited(&[("connections_max", "3")]), |broker| {
        // The look at the port that found the broker ready may still be counted.
        let connect = |name: &str| {
            wait::until("a place", wait::PATIENCE, || {
                Client::connect(broker.port, &Connect::new(name)).ok()
            })
        };
        let first = connect("first")?;
        let _others = (connect("second")?, connect("third")?);
        let fourth = Client::connect(broker.port, &Connect::new("fourth"));
        ensure!(fourth.is_err(), "one too many");
        first.disconnect()?;
        connect("fourth")?;
        Ok(())
    })
}

#[test]
fn connections_come_in_no_faster_than_they_may() -> Result<()> {
    with_broker(limited(&[("accepts_per_second_max", "50")]), |broker| {
        let start = Instant::now();
        for number in 0..50 {
            let name = format!("client-{number}");
            Client::connect(broker.port, &Connect::new(&name)).context("late is not refused")?;
        }
        let took = start.elapsed();
        // A burst of a tenth of a second comes at once.
        ensure!(took > Duration::from_millis(800), "{took:?} for 50");
        Ok(())
    })
}
