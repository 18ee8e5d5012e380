//! Clients that log in and then mean no good: each attack ends in the right reason code or a closed
//! socket, memory stays within its budget, and a bystander's messages take as long as before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::bystander::{Bystander, p99};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{self, Connect, Packet, Publish, Version, Will};
use quorate_e2e::wait;

const NOT_ACCEPTED_FILTER: u8 = 0x8f;
const NOT_ACCEPTED_TOPIC: u8 = 0x90;
const INVALID_ALIAS: u8 = 0x94;
const PACKET_TOO_LARGE: u8 = 0x95;
const QUOTA_EXCEEDED: u8 = 0x97;

/// Memory that any of the attacks may cost, on top of what it is allowed to leave behind.
const GROWTH_BYTES_MAX: u64 = 24 << 20;
/// What the machine itself may add to a bystander's time: it has two cores, and other tests run on them.
const GRACE: Duration = Duration::from_millis(4);
/// What granting or dropping ten thousand filters, each in one turn, may add. A debug build takes longer.
const FILTERS_GRACE: Duration = Duration::from_millis(60);
/// One round of several suffices, because what the broker itself does wrong shows in each.
const ROUNDS_MAX: usize = 5;

/// Runs the attack until a bystander's p99 during it was at most twice that of the quiet time before.
fn under_attack(
    options: Options,
    (left_bytes_max, grace): (u64, Duration),
    mut attack: impl FnMut(&Broker) -> Result<()>,
) -> Result<()> {
    with_broker(options, |broker| {
        // What the broker needs once, whoever comes.
        attack(broker)?;
        let before = broker.resident_bytes()?;
        let bystander = Bystander::start(broker.port)?;
        let mut seen = Vec::new();
        for _ in 0..ROUNDS_MAX {
            bystander.take();
            wait::pass(Duration::from_millis(300));
            let quiet = p99(bystander.take());
            attack(broker)?;
            let hostile = p99(bystander.take());
            seen.push((quiet, hostile));
            if hostile <= quiet * 2 + grace {
                break;
            }
        }
        bystander.end()?;
        let growth = broker.resident_bytes()?.saturating_sub(before);
        println!(
            "p99 before and under attack, by round: {seen:?}; memory grew by {} KiB",
            growth / 1024
        );
        let (quiet, hostile) = seen.last().context("a round")?;
        ensure!(
            *hostile <= *quiet * 2 + grace,
            "p99 before and under attack: {seen:?}"
        );
        ensure!(
            growth <= GROWTH_BYTES_MAX + left_bytes_max,
            "memory grew by {} KiB",
            growth / 1024
        );
        Ok(())
    })
}

/// The reason of the DISCONNECT that ends the connection.
fn reason(client: &mut Client) -> Result<u8> {
    client
        .closed(wait::PATIENCE)?
        .context("no reason was given")
}

fn properties(count: usize) -> Vec<u8> {
    [0x26, 0, 1, b'k', 0, 1, b'v'].repeat(count)
}

#[test]
fn ten_thousand_user_properties_end_their_connection() -> Result<()> {
    under_attack(Options::default(), (0, GRACE), |broker| {
        for _ in 0..50 {
            let mut client = Client::connect(broker.port, &Connect::new("talkative"))?;
            let few = Publish {
                properties: properties(100),
                ..Publish::new("t", "x", 1)
            };
            assert_eq!(client.publish_message(few)?, 0x10, "a hundred are taken");
            let many = Publish {
                properties: properties(10_000),
                ..Publish::new("t", "x", 0)
            };
            client.send(&packet::publish(Version::V5, &many))?;
            assert_eq!(reason(&mut client)?, QUOTA_EXCEEDED);
        }
        Ok(())
    })
}

#[test]
fn topic_aliases_beyond_the_maximum_end_their_connection() -> Result<()> {
    under_attack(Options::default(), (0, GRACE), |broker| {
        for _ in 0..50 {
            let mut client = Client::connect(broker.port, &Connect::new("alias"))?;
            for alias in 1..=u16::MAX {
                let [high, low] = alias.to_be_bytes();
                let message = Publish {
                    properties: vec![0x23, high, low],
                    ..Publish::new(&format!("{alias}/{}", "long".repeat(50)), "", 0)
                };
                if client
                    .send(&packet::publish(Version::V5, &message))
                    .is_err()
                {
                    break;
                }
                if alias == 100 {
                    break;
                }
            }
            assert_eq!(reason(&mut client)?, INVALID_ALIAS);
        }
        Ok(())
    })
}

#[test]
fn a_claim_of_256_mib_ends_its_connection_at_its_head() -> Result<()> {
    under_attack(Options::default(), (0, GRACE), |broker| {
        for _ in 0..100 {
            let mut client = Client::connect(broker.port, &Connect::new("huge"))?;
            client.send(&[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't'])?;
            assert_eq!(reason(&mut client)?, PACKET_TOO_LARGE);
        }
        Ok(())
    })
}

#[test]
fn topics_and_filters_that_are_too_deep_are_refused() -> Result<()> {
    under_attack(Options::default(), (0, GRACE), |broker| {
        let deep = "+/".repeat(30_000);
        for _ in 0..20 {
            let mut client = Client::connect(broker.port, &Connect::new("deep"))?;
            assert_eq!(client.subscribe(&deep, 0)?, NOT_ACCEPTED_FILTER);
            assert_eq!(
                client.subscribe(&format!("{deep}#"), 0)?,
                NOT_ACCEPTED_FILTER
            );
            let message = Publish::new(&"a/".repeat(30_000), "x", 0);
            client.send(&packet::publish(Version::V5, &message))?;
            assert_eq!(reason(&mut client)?, NOT_ACCEPTED_TOPIC);
        }
        Ok(())
    })
}

#[test]
fn a_hundred_thousand_filters_are_refused_beyond_the_maximum() -> Result<()> {
    const FILTERS: usize = 100_000;
    const PACKET_FILTERS: usize = 500;
    under_attack(Options::default(), (8 << 20, FILTERS_GRACE), |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("bomb"))?;
        let (mut granted, mut refused) = (0, 0);
        for packet in 0..FILTERS / PACKET_FILTERS {
            let names: Vec<_> = (0..PACKET_FILTERS)
                .map(|n| format!("+/{n}/+/{packet}/+/#"))
                .collect();
            let filters: Vec<_> = names.iter().map(|name| (&**name, 0)).collect();
            let id = packet as u16 + 1;
            client.send(&packet::subscribe(Version::V5, id, &filters))?;
            let end = Instant::now() + wait::PATIENCE;
            while let Some(packet) = client.next_until(end)? {
                if let Packet::SubAck(_, codes) = packet {
                    refused += codes.iter().filter(|code| **code == QUOTA_EXCEEDED).count();
                    granted += codes.iter().filter(|code| **code <= 2).count();
                    break;
                }
            }
        }
        assert_eq!((granted, refused), (10_000, 90_000));
        // Each message meets all of them in the first level.
        for _ in 0..1_000 {
            client.publish("a/1/a/0/a/a", "x", 1)?;
            client.receive()?;
        }
        client.disconnect()
    })
}

#[test]
fn wills_of_five_hundred_clients_at_once_are_told_and_nobody_waits() -> Result<()> {
    const CLIENTS: usize = 500;
    under_attack(Options::default(), (0, GRACE), |broker| {
        let mut heir = Client::connect(broker.port, &Connect::new("heir"))?;
        heir.subscribe("will/#", 1)?;
        let will = |n: usize| Will {
            topic: format!("will/{n}"),
            payload: vec![b'w'; 1000],
            qos: 1,
            retain: false,
            delay: 0,
        };
        let connect = |n: usize| {
            let options = Connect {
                will: Some(will(n)),
                ..Connect::new(&format!("testator-{n}"))
            };
            Client::connect(broker.port, &options)
        };
        let clients = (0..CLIENTS).map(connect).collect::<Result<Vec<_>>>()?;
        drop(clients);
        let mut told: Vec<_> = (0..CLIENTS)
            .map(|_| Ok(heir.receive()?.topic))
            .collect::<Result<_>>()?;
        told.sort();
        told.dedup();
        assert_eq!(told.len(), CLIENTS);
        Ok(())
    })
}

#[test]
fn a_flood_of_retained_messages_stops_at_its_bound() -> Result<()> {
    const BOUND_BYTES: u64 = 4 << 20;
    let name = "QUORATE_LIMITS_RETAINED_BYTES_MAX".to_owned();
    let options = Options {
        environment: vec![(name, BOUND_BYTES.to_string())],
        ..Options::default()
    };
    // Each shard has a bound of its own, and each message its place in indexes.
    under_attack(options, (8 * BOUND_BYTES, GRACE), |broker| {
        let mut client = Client::connect(broker.port, &Connect::new("flood"))?;
        let (mut sent, mut refused) = (0_u32, 0);
        while refused < 50 {
            ensure!(sent < 60_000, "no message was refused");
            let batch: Vec<u8> = (0..100_u16)
                .flat_map(|n| {
                    let message = Publish {
                        retain: true,
                        id: n + 1,
                        ..Publish::new(&format!("flood/{sent}/{n}"), vec![b'x'; 1000], 1)
                    };
                    packet::publish(Version::V5, &message)
                })
                .collect();
            client.send(&batch)?;
            sent += 100;
            for _ in 0..100 {
                if let Packet::Ack(_, _, code) = client.next(wait::PATIENCE)? {
                    refused += u32::from(code == QUOTA_EXCEEDED);
                }
            }
        }
        Ok(())
    })
}

#[test]
fn connects_that_come_byte_by_byte_are_cut_off_in_time() -> Result<()> {
    const STRANGERS: usize = 300;
    let second = |key: &str| (format!("QUORATE_LIMITS_{key}_SECONDS_MAX"), "1".to_owned());
    let options = Options {
        environment: vec![second("CONNECT"), second("HANDSHAKE")],
        ..Options::default()
    };
    under_attack(options, (0, GRACE), |broker| {
        let connect = packet::connect(&Connect::new("a client id that takes its time to come"));
        let dial = |_| Ok(Client::raw(Client::dial(broker.port)?, Version::V5));
        let mut strangers = (0..STRANGERS).map(dial).collect::<Result<Vec<_>>>()?;
        for byte in &connect[..15] {
            for stranger in &mut strangers {
                // Those who are cut off already cannot send.
                let _ = stranger.send(&[*byte]);
            }
            wait::pass(Duration::from_millis(100));
        }
        for stranger in &mut strangers {
            stranger.closed(Duration::from_secs(3))?;
        }
        Ok(())
    })
}

/// Each of them may hold a MiB, all of them together much less.
#[test]
fn many_subscribers_that_never_read_share_one_budget() -> Result<()> {
    const DEAF: usize = 60;
    const BUDGET_BYTES: u64 = 2 << 20;
    let name = "QUORATE_LIMITS_OUTPUTS_BYTES_MAX".to_owned();
    let options = Options {
        environment: vec![(name, BUDGET_BYTES.to_string())],
        ..Options::default()
    };
    // What is left to each when the budget is used up, and some that were faster than its account.
    let left = 2 * BUDGET_BYTES + (DEAF as u64) * (64 << 10);
    under_attack(options, (left, GRACE), |broker| {
        let connect = |n: usize| {
            let mut client = Client::connect(broker.port, &Connect::new(&format!("deaf-{n}")))?;
            client.subscribe("flood", (n % 2) as u8)?;
            Ok(client)
        };
        let deaf = (0..DEAF).map(connect).collect::<Result<Vec<_>>>()?;
        let mut publisher = Client::connect(broker.port, &Connect::new("publisher"))?;
        for _ in 0..1_500 {
            publisher.publish("flood", vec![b'x'; 5000], 1)?;
        }
        let dropped = broker.metric("quorate_messages_dropped_total")?;
        ensure!(dropped > 0.0, "nothing was dropped");
        drop(deaf);
        Ok(())
    })
}
