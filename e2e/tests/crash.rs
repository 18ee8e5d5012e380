//! kill -9 at random moments under load: nothing acknowledged is lost, QoS 2 is exactly once, order is
//! kept, retransmissions are marked. See `checker` for how that is judged and shown to bite.
//! (A kill leaves the page cache; the disk that loses it is simulated in `broker/sim`.)

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::checker::Checker;
use quorate_e2e::client::Client;
use quorate_e2e::durable::{Publisher, Run, Subscriber};
use quorate_e2e::history::Event;
use quorate_e2e::packet::{Connect, Version};
use quorate_e2e::random::Random;
use quorate_e2e::wait;

const KILLS: u32 = 200;

/// Number, QoS and version of each publisher.
const PUBLISHERS: [(u32, u8, Version); 4] = [
    (1, 1, Version::V5),
    (2, 2, Version::V5),
    (3, 1, Version::V311),
    (4, 2, Version::V311),
];

/// The same of each subscriber.
const SUBSCRIBERS: [(u32, u8, Version); 3] = [
    (1, 2, Version::V5),
    (2, 2, Version::V311),
    (3, 1, Version::V5),
];

/// Load runs this long before a kill, at most.
const LOAD_MILLISECONDS_MAX: u64 = 120;

#[test]
fn two_hundred_crashes_lose_double_and_reorder_nothing() -> Result<()> {
    let kills = env::var("QUORATE_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let mut random = Random::announced("crash");
    with_broker(Options::default(), |broker| {
        let run = Run::new(
            broker.port,
            Checker::new(SUBSCRIBERS.map(|(number, ..)| number)),
        );
        let mut subscribers = Vec::new();
        for (number, qos, version) in SUBSCRIBERS {
            let subscriber = Subscriber::new(&run, number, qos, version)?;
            subscribers.push(thread::spawn(move || subscriber.run()));
        }
        let publishers = PUBLISHERS.map(|(number, qos, version)| {
            let publisher = Publisher::new(&run, number, qos, version);
            thread::spawn(move || publisher.run())
        });
        let started = Instant::now();
        let result = crash_repeatedly(broker, &run, &mut random, kills);
        run.publish_no_more();
        let settled = result.and_then(|()| settle(&run));
        run.end();
        for publisher in publishers {
            publisher.join().ok().context("a publisher panicked")?;
        }
        for subscriber in subscribers {
            subscriber.join().ok().context("a subscriber panicked")??;
        }
        settled?;
        let acknowledged = run.checker().acknowledged_count();
        println!(
            "{kills} crashes in {:?}, {acknowledged} messages acknowledged",
            started.elapsed()
        );
        assert!(
            acknowledged > u64::from(kills) * 10,
            "too little load: {acknowledged}"
        );
        judge(&run)
    })
}

fn crash_repeatedly(broker: &mut Broker, run: &Run, random: &mut Random, kills: u32) -> Result<()> {
    let mut retained = 0;
    for kill in 1..=kills {
        // One in four crashes hits a broker that has not recovered yet, or just has.
        if random.below(4) == 0 {
            broker.kill()?;
            broker.launch()?;
            wait::pass(Duration::from_millis(random.below(60)));
        } else {
            retained = retain_newer(broker, retained)?;
            wait::pass(Duration::from_millis(random.below(LOAD_MILLISECONDS_MAX)));
        }
        broker.kill()?;
        run.checker().note(Event::Killed(kill));
        broker.restart()?;
        if random.below(3) > 0 {
            settle(run).with_context(|| format!("after kill {kill}"))?;
        }
        judge(run).with_context(|| format!("after kill {kill}"))?;
        check_retained(broker, retained)?;
    }
    Ok(())
}

/// Waits until everything that is acknowledged now has arrived everywhere.
fn settle(run: &Run) -> Result<()> {
    let mut missing = run.checker().missing();
    let arrived = wait::until("what was acknowledged to arrive", wait::PATIENCE, || {
        let checker = run.checker();
        missing.retain(|(subscriber, message)| checker.is_missing(*subscriber, message));
        missing.is_empty().then_some(())
    });
    let Err(error) = arrived else {
        return Ok(());
    };
    let Some((subscriber, message)) = missing.first() else {
        return Err(error);
    };
    let story = run.checker().story(*message);
    let count = missing.len();
    bail!("LOST: {count} messages, the first one {message:?} for subscriber {subscriber}:\n{story}")
}

fn judge(run: &Run) -> Result<()> {
    let checker = run.checker();
    let violations = checker.violations();
    if violations.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = violations
        .iter()
        .take(10)
        .map(ToString::to_string)
        .collect();
    bail!(
        "{} broken promises, the first:\n{}",
        violations.len(),
        list.join("\n")
    )
}

/// Retains a newer value and waits for its acknowledgement.
fn retain_newer(broker: &Broker, last: u64) -> Result<u64> {
    let mut client = Client::connect(broker.port, &Connect::new("retainer"))?;
    client.retain("retained/number", (last + 1).to_string(), 1)?;
    Ok(last + 1)
}

/// The retained value is the last one acknowledged.
fn check_retained(broker: &Broker, expected: u64) -> Result<()> {
    if expected == 0 {
        return Ok(());
    }
    let mut client = Client::connect(broker.port, &Connect::new("reader"))?;
    client.subscribe("retained/number", 1)?;
    assert_eq!(
        client.receive()?.text(),
        expected.to_string(),
        "retained value lost"
    );
    Ok(())
}
