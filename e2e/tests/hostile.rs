//! Hostile connections on every port: each ends, memory stays, and others do not notice.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::bystander::{Bystander, p99};
use quorate_e2e::client::{Client, Stream};
use quorate_e2e::hostile::{Attack, Intruder};
use quorate_e2e::packet::{self, Connect, Publish, Version};
use quorate_e2e::random::Random;
use quorate_e2e::tls::{self, Authority};
use quorate_e2e::wait;

const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// A connection gets a second to log in here; hostile ones must be gone soon after.
const END_MAX: Duration = Duration::from_secs(15);

fn options(directory: &tempfile::TempDir) -> Result<(Options, Authority)> {
    let authority = Authority::new(directory.path(), "ours")?;
    let identity = authority.issue(directory.path())?;
    let second = |key: &str| (format!("QUORATE_LIMITS_{key}_SECONDS_MAX"), "1".to_owned());
    let options = Options {
        tls: Some((identity.certificate, identity.key)),
        environment: vec![second("CONNECT"), second("HANDSHAKE")],
        ..Options::default()
    };
    Ok((options, authority))
}

#[test]
fn every_hostile_connection_ends_on_every_port() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (options, authority) = options(&directory)?;
    let mut random = Random::announced("hostile");
    with_broker(options, |broker| {
        let mut bystander = Client::connect(broker.port, &Connect::new("bystander"))?;
        let before = broker.resident_bytes()?;
        for port in [broker.port, broker.tls_port, broker.http_port] {
            let attacks = Attack::ALL.iter().cycle().take(200);
            let intruders: Result<Vec<Intruder>> = attacks
                .map(|attack| Intruder::send(port, *attack, &mut random))
                .collect();
            ensure_growth(broker, before)?;
            for intruder in intruders? {
                intruder
                    .ended(END_MAX)
                    .with_context(|| name(broker, port))?;
            }
            ensure_growth(broker, before)?;
        }
        bystander.ping()?;
        // The right protocol on each port is still served.
        Client::connect(broker.port, &Connect::new("plain"))?;
        let stream = tls::connect(broker.tls_port, authority.file())?;
        Client::open(Stream::Tls(Box::new(stream)), &Connect::new("tls"))?;
        broker.metric("quorate_connections")?;
        Ok(())
    })
}

fn name(broker: &Broker, port: u16) -> &'static str {
    match port {
        _ if port == broker.port => "on the plain port",
        _ if port == broker.tls_port => "on the TLS port",
        _ => "on the HTTP port",
    }
}

fn ensure_growth(broker: &Broker, before: u64) -> Result<()> {
    let growth = broker.resident_bytes()?.saturating_sub(before);
    ensure!(
        growth < GROWTH_BYTES_MAX,
        "memory grew by {} KiB",
        growth / 1024
    );
    Ok(())
}

#[test]
fn a_real_tls_handshake_on_the_plain_ports_fails_at_once() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (options, authority) = options(&directory)?;
    with_broker(options, |broker| {
        for port in [broker.port, broker.http_port] {
            ensure!(
                tls::connect(port, authority.file()).is_err(),
                "TLS on port {port}"
            );
        }
        let plain = Client::dial(broker.tls_port)?;
        ensure!(
            Client::open(plain, &Connect::new("plain")).is_err(),
            "plain on the TLS port"
        );
        Ok(())
    })
}

/// Quiet and hostile phases take turns, so that what else the machine does hits both alike; and one
/// round of several suffices, because what the broker itself does wrong shows in each.
#[test]
fn a_bystander_does_not_notice() -> Result<()> {
    const ROUNDS_MAX: usize = 5;
    const PHASES: usize = 8;
    const GRACE: Duration = Duration::from_millis(1);
    let directory = tempfile::tempdir()?;
    let (options, _) = options(&directory)?;
    let mut random = Random::announced("bystander");
    with_broker(options, |broker| {
        let ports = [broker.port, broker.tls_port, broker.http_port];
        let bystander = Bystander::start(broker.port)?;
        let mut seen = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let (mut quiet, mut hostile) = (Vec::new(), Vec::new());
            let mut intruders = Vec::new();
            for _ in 0..PHASES {
                bystander.take();
                wait::pass(Duration::from_millis(250));
                quiet.extend(bystander.take());
                for (number, attack) in Attack::ALL.iter().cycle().take(50).enumerate() {
                    intruders.push(Intruder::send(ports[number % 3], *attack, &mut random)?);
                    wait::pass(Duration::from_millis(5));
                }
                hostile.extend(bystander.take());
            }
            ensure!(quiet.len() > 500 && hostile.len() > 500, "too few samples");
            let (quiet, hostile) = (p99(quiet), p99(hostile));
            seen.push((quiet, hostile));
            if hostile <= quiet * 2 + GRACE {
                break;
            }
        }
        bystander.end()?;
        println!("p99 before and under attack, by round: {seen:?}");
        let last = seen.last().context("a round")?;
        ensure!(
            last.1 <= last.0 * 2 + GRACE,
            "p99 before and under attack: {seen:?}"
        );
        Ok(())
    })
}

#[test]
fn a_subscriber_that_never_reads_is_bounded() -> Result<()> {
    const MESSAGES: usize = 40_000;
    with_broker(Options::default(), |broker| {
        for qos in [0, 1] {
            let mut deaf = Client::connect(broker.port, &Connect::new("deaf"))?;
            deaf.subscribe("flood", qos)?;
            let mut reader = Client::connect(broker.port, &Connect::new("reader"))?;
            reader.subscribe("calm", 1)?;
            let before = broker.resident_bytes()?;
            let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
            let message = Publish::new("flood", vec![b'x'; 4000], 0);
            let chunk = packet::publish(Version::V5, &message).repeat(100);
            for _ in 0..MESSAGES / 100 {
                publisher.send(&chunk)?;
            }
            if qos == 1 {
                for number in 0..3000_u32 {
                    publisher.publish("flood", number.to_be_bytes().repeat(500), 1)?;
                }
            }
            publisher.publish("calm", "still served", 1)?;
            assert_eq!(reader.receive()?.text(), "still served");
            ensure_growth(broker, before)?;
            publisher.disconnect()?;
            reader.disconnect()?;
        }
        Ok(())
    })
}
