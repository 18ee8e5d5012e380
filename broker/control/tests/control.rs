//! The control state through its public face, and the slots of known keys: these are a durable format.

use quorate_control::*;

fn bootstrap(shards: ShardId) -> Command {
    Command::Bootstrap(Bootstrap {
        cluster_id: 77,
        shards,
        format: 1,
    })
}

fn start(node: NodeId) -> Command {
    Command::StartNode(StartNode {
        node,
        peer_address: "peer:1".into(),
        client_address: String::new(),
    })
}

#[test]
fn known_keys_have_known_slots() {
    let slots: Vec<u16> = ["", "a", "b", "client-1", "t/1", "sensor/42/température"]
        .iter()
        .map(|key| slot_of(key.as_bytes()))
        .collect();
    assert_eq!(slots, SLOTS_OF_KNOWN_KEYS);
}

/// Computed once by an independent program; a change of any of them loses every session of every cluster.
const SLOTS_OF_KNOWN_KEYS: [u16; 6] = [959, 522, 441, 996, 302, 833];

#[test]
fn similar_keys_spread_over_slots() {
    let mut counts = vec![0u32; usize::from(SLOTS)];
    for number in 0..100 * u32::from(SLOTS) {
        counts[usize::from(slot_of(format!("device-{number}").as_bytes()))] += 1;
    }
    let (least, most) = (counts.iter().min(), counts.iter().max());
    assert!(least > Some(&55) && most < Some(&150), "{least:?} {most:?}");
}

#[test]
fn slots_are_spread_evenly_over_shards() {
    for shards in [1, 3, 4, 7, 1_024] {
        let map = SlotMap::even(shards).unwrap();
        let count = |shard| {
            map.slots()
                .iter()
                .filter(|holder| **holder == shard)
                .count()
        };
        let counts: Vec<usize> = (0..shards).map(count).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 1, "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), usize::from(SLOTS));
    }
    assert_eq!(SlotMap::even(0), None);
    assert_eq!(SlotMap::even(1_025), None);
}

#[test]
fn a_cluster_begins_once() {
    let mut control = Control::new();
    assert_eq!(
        control.apply(1, start(1)),
        Outcome::Refused(Refusal::NotBootstrapped)
    );
    assert_eq!(
        control.apply(2, bootstrap(0)),
        Outcome::Refused(Refusal::ShardCount)
    );
    assert_eq!(control.apply(3, bootstrap(4)), Outcome::Done);
    assert_eq!(
        control.apply(4, bootstrap(8)),
        Outcome::Refused(Refusal::AlreadyBootstrapped)
    );
    let cluster = control.cluster().unwrap();
    assert_eq!(
        (cluster.id, cluster.format, cluster.slots.shard_count()),
        (77, 1, 4)
    );
}

#[test]
fn each_start_of_a_node_is_a_new_life() {
    let mut control = Control::new();
    control.apply(1, bootstrap(4));
    assert_eq!(control.apply(5, start(1)), Outcome::Started(5));
    assert_eq!(control.apply(9, start(1)), Outcome::Started(9));
    assert_eq!(control.member(1).unwrap().incarnation, 9);
    assert_eq!(
        control.apply(10, start(0)),
        Outcome::Refused(Refusal::Member)
    );
}

#[test]
fn members_are_bounded() {
    let mut control = Control::new();
    control.apply(1, bootstrap(4));
    for node in 1..=MEMBERS_MAX as u64 {
        control.apply(1 + node, start(node));
    }
    assert_eq!(
        control.apply(5_000, start(5_000)),
        Outcome::Refused(Refusal::Member)
    );
    assert_eq!(control.apply(5_001, start(1)), Outcome::Started(5_001));
}

#[test]
fn a_snapshot_holds_everything_and_damage_is_refused() {
    let mut control = Control::new();
    let commands = [bootstrap(4), start(1), start(7), start(1)];
    for (index, command) in (1..).zip(commands) {
        control.apply(index, command);
        let records: Vec<Record> = control.snapshot_records().collect();
        assert_eq!(Control::restore(records.clone()), Ok(control.clone()));
        for removed in 0..records.len() {
            let mut damaged = records.clone();
            damaged.remove(removed);
            assert!(
                Control::restore(damaged).is_err(),
                "without record {removed}"
            );
        }
        let mut damaged = records.clone();
        damaged.reverse();
        assert!(Control::restore(damaged).is_err());
        damaged = [records.clone(), records].concat();
        assert!(Control::restore(damaged).is_err());
    }
    assert_eq!(
        Control::restore(Control::new().snapshot_records()),
        Ok(Control::new())
    );
}
