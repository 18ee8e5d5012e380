//! Shared subscriptions with members on several nodes: each message goes to one of them, and what a lost one has not
//! acknowledged to another (MQTT 5, 4.8.2).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::cluster::{Options, Place, with_cluster};
use quorate_e2e::packet::{Connect, Packet};
use quorate_e2e::wait;

/// How long members are listened to after the last message that one got.
const QUIET: Duration = Duration::from_millis(500);

/// What each member gets until it is quiet.
fn gather(members: &mut [Client]) -> Result<Vec<Vec<String>>> {
    let mut texts = vec![Vec::new(); members.len()];
    let mut last = Instant::now();
    while last.elapsed() < QUIET {
        for (member, texts) in members.iter_mut().zip(&mut texts) {
            member.ping()?;
            let now = Instant::now();
            while let Some(packet) = member.next_until(now)? {
                let Packet::Publish(publish) = packet else {
                    continue;
                };
                member.acknowledge(&publish)?;
                texts.push(publish.text());
                last = Instant::now();
            }
        }
    }
    Ok(texts)
}

#[test]
fn each_message_goes_to_one_member_wherever_it_is() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        for durable in [false, true] {
            // Two members on the first node, one on the second, none on the third.
            let mut members = Vec::new();
            for (number, node) in [nodes[0], nodes[0], nodes[1]].into_iter().enumerate() {
                let name = format!("member-{durable}-{number}");
                let options = if durable {
                    Connect::persistent(&name)
                } else {
                    Connect::new(&name)
                };
                let mut member = Client::connect(node, &options)?;
                member.subscribe(&format!("$share/g/{durable}/+"), 2)?;
                members.push(member);
            }
            for (at, node) in nodes.iter().enumerate() {
                let mut speaker = Client::connect(*node, &Connect::new("speaker"))?;
                let mut sent = BTreeSet::new();
                for number in 0..90 {
                    let text = format!("{at} {number}");
                    let code =
                        speaker.publish(&format!("{durable}/{at}"), text.clone(), number % 3)?;
                    ensure!(code == 0, "{text}: {code:#04x}");
                    sent.insert(text);
                }
                let got = gather(&mut members)?;
                let counts: Vec<usize> = got.iter().map(Vec::len).collect();
                let all: BTreeSet<String> = got.into_iter().flatten().collect();
                assert_eq!(all, sent, "published on node {}", at + 1);
                assert_eq!(
                    counts.iter().sum::<usize>(),
                    sent.len(),
                    "{counts:?}: twice"
                );
                assert!(counts.iter().all(|count| *count >= 15), "{counts:?}");
            }
            members.into_iter().try_for_each(Client::disconnect)?;
        }
        Ok(())
    })
}

#[test]
fn what_a_member_on_a_killed_node_did_not_acknowledge_goes_to_another_one() -> Result<()> {
    with_cluster(Options::three(Place::Loopback), |cluster| {
        let nodes = cluster.endpoints();
        let mut lost = Client::connect(nodes[1], &Connect::persistent("lost"))?;
        let mut left = Client::connect(nodes[2], &Connect::persistent("left"))?;
        for member in [&mut lost, &mut left] {
            member.subscribe("$share/g/jobs", 1)?;
        }
        let mut speaker = Client::connect(nodes[0], &Connect::new("speaker"))?;
        let sent: BTreeSet<String> = (0..20).map(|number| format!("job {number}")).collect();
        for text in &sent {
            speaker.publish("jobs", text.clone(), 1)?;
        }
        // The one reads and acknowledges, the other does not, and then its node is gone.
        let mut members = [left];
        let first = gather(&mut members)?.remove(0);
        ensure!(first.len() < sent.len(), "the other member got nothing");
        cluster.node_mut(2).kill()?;
        let mut got: BTreeSet<String> = first.into_iter().collect();
        wait::until(
            "the lost member's messages",
            Duration::from_secs(20),
            || {
                got.extend(gather(&mut members).ok()?.remove(0));
                (got == sent).then_some(())
            },
        )
        .with_context(|| format!("got {} of {}", got.len(), sent.len()))?;
        drop(lost);
        Ok(())
    })
}
