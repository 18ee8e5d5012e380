//! kill -9 at random moments under load: nothing acknowledged is lost, QoS 2 is exactly once, order is
//! kept, retransmissions are marked. See `checker` for how that is judged and shown to bite.
//! (A kill leaves the page cache; the disk that loses it is simulated in `broker/sim`.)

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::durable::{Habits, Run};
use quorate_e2e::endpoint::Endpoint;
use quorate_e2e::history::Event;
use quorate_e2e::load::{Load, Who};
use quorate_e2e::packet::{Connect, Version};
use quorate_e2e::random::Random;
use quorate_e2e::wait;

const KILLS: u32 = 200;

/// Number, QoS and version of each publisher.
const PUBLISHERS: [Who; 4] = [
    (1, 1, Version::V5),
    (2, 2, Version::V5),
    (3, 1, Version::V311),
    (4, 2, Version::V311),
];

/// The same of each subscriber.
const SUBSCRIBERS: [Who; 3] = [
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
        let nodes = [Endpoint::from(broker.port)];
        let load = Load::start(&nodes, Habits::ONE_NODE, &PUBLISHERS, &SUBSCRIBERS)?;
        let run = load.run().clone();
        let started = Instant::now();
        crash_repeatedly(broker, &run, &mut random, kills)?;
        load.finish()?;
        let acknowledged = run.checker().acknowledged_count();
        println!(
            "{kills} crashes in {:?}, {acknowledged} messages acknowledged",
            started.elapsed()
        );
        assert!(
            acknowledged > u64::from(kills) * 10,
            "too little load: {acknowledged}"
        );
        Ok(())
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
            run.settle().with_context(|| format!("after kill {kill}"))?;
        }
        run.judge().with_context(|| format!("after kill {kill}"))?;
        check_retained(broker, retained)?;
    }
    Ok(())
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
