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
        name: format!("n{node}"),
        addresses: at("peer:1"),
    })
}

fn at(peer: &str) -> Addresses {
    Addresses {
        peer: peer.into(),
        client: String::new(),
        admin: "admin:1".into(),
    }
}

/// Another address for each token.
fn join(token: u128) -> Command {
    Command::Join(Join {
        token,
        name: String::new(),
        addresses: at(&format!("peer-{token}")),
        promote: true,
    })
}

fn role(node: NodeId, role: WantedRole, expected: Revision) -> Command {
    Command::SetRole(SetRole {
        node,
        role,
        expected,
    })
}

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused(refusal)
}

fn life(node: NodeId, incarnation: Incarnation) -> Life {
    Life { node, incarnation }
}

/// Nodes 1 (a voter) and 10, 20 (learners); the revision is 20.
fn three() -> Control {
    let mut control = Control::new();
    control.apply(1, bootstrap(4));
    control.apply(2, start(1));
    assert_eq!(control.apply(10, join(5)), Outcome::Joined(life(10, 10)));
    assert_eq!(control.apply(20, join(6)), Outcome::Joined(life(20, 20)));
    assert_eq!(control.revision(), 20);
    control
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
    assert_eq!(control.revision(), 5, "who is a member has not changed");
    assert_eq!(control.apply(10, start(0)), refused(Refusal::Member));
    assert_eq!(control.apply(11, start(2)), refused(Refusal::Unknown));
}

#[test]
fn members_are_bounded_and_removed_ones_make_room() {
    let mut control = Control::new();
    control.apply(1, bootstrap(4));
    control.apply(2, start(1));
    for number in 2..=MEMBERS_MAX as u64 {
        control.apply(1 + number, join(number.into()));
    }
    assert_eq!(control.members().count(), MEMBERS_MAX);
    assert_eq!(control.apply(5_000, join(5_000)), refused(Refusal::Member));
    let gone = role(3, WantedRole::Gone, control.revision());
    assert_eq!(control.apply(5_001, gone), Outcome::Changed(5_001));
    let left = Left {
        node: 3,
        expected: 5_001,
    };
    control.apply(5_002, Command::Left(left));
    assert_eq!(
        control.apply(5_003, join(5_000)),
        Outcome::Joined(life(5_003, 5_003))
    );
    assert_eq!(control.member(3), None);
}

#[test]
fn the_node_that_begins_the_cluster_is_its_first_member() {
    let mut control = Control::new();
    assert_eq!(control.apply(1, join(5)), refused(Refusal::NotBootstrapped));
    assert_eq!(control.apply(2, bootstrap(4)), Outcome::Done);
    // It would be taken for the first, and the first for one that was removed.
    assert_eq!(control.apply(3, join(5)), refused(Refusal::NotBootstrapped));
    assert_eq!(control.apply(4, start(1)), Outcome::Started(4));
    assert_eq!(control.apply(5, join(5)), Outcome::Joined(life(5, 5)));
}

#[test]
fn a_repeated_join_gets_the_same_id() {
    let mut control = three();
    assert_eq!(control.apply(30, join(5)), Outcome::Joined(life(10, 10)));
    assert_eq!(control.apply(31, join(0)), refused(Refusal::Member));
    assert_eq!(control.members().count(), 3);
    assert_eq!(control.revision(), 20);
}

#[test]
fn a_stale_caller_is_refused_with_the_present_revision() {
    let mut control = three();
    let promote = |expected| role(10, WantedRole::Voter, expected);
    assert_eq!(
        control.apply(30, promote(10)),
        refused(Refusal::Stale { current: 20 })
    );
    assert_eq!(control.apply(31, promote(20)), Outcome::Changed(31));
    assert_eq!(control.wanted().voters, [1, 10].into());
    assert_eq!(control.wanted().learners, [20].into());
    assert_eq!(
        control.apply(32, role(20, WantedRole::Gone, 20)),
        refused(Refusal::Stale { current: 31 })
    );
    assert_eq!(
        control.apply(33, promote(31)),
        Outcome::Changed(31),
        "as it is"
    );
}

#[test]
fn a_member_leaves_in_two_steps_and_never_comes_back() {
    let mut control = three();
    control.apply(30, role(10, WantedRole::Gone, 20));
    assert_eq!(
        control.apply(31, role(10, WantedRole::Voter, 30)),
        refused(Refusal::Role)
    );
    assert!(!control.wanted().learners.contains(&10));
    let left = |node, expected| Command::Left(Left { node, expected });
    assert_eq!(control.apply(32, left(20, 30)), refused(Refusal::Role));
    assert_eq!(control.apply(33, left(10, 30)), Outcome::Changed(33));
    assert_eq!(control.member(10).unwrap().role, Role::Removed);
    assert_eq!(control.apply(34, start(10)), refused(Refusal::Unknown));
    assert_eq!(
        control.apply(35, role(10, WantedRole::Voter, 33)),
        refused(Refusal::Unknown)
    );
    assert_eq!(
        control.apply(36, join(5)),
        Outcome::Joined(life(36, 36)),
        "an old token gives no old id"
    );
}

#[test]
fn the_last_voter_stays() {
    let mut control = three();
    for wanted in [WantedRole::Learner, WantedRole::Gone] {
        let index = control.applied() + 1;
        assert_eq!(
            control.apply(index, role(1, wanted, 20)),
            refused(Refusal::Role)
        );
    }
}

#[test]
fn the_end_of_a_lease_is_of_one_life() {
    let mut control = three();
    assert!(control.member(10).unwrap().is_live());
    assert_eq!(
        control.apply(30, Command::EndLease(life(10, 9))),
        refused(Refusal::OldIncarnation)
    );
    assert_eq!(
        control.apply(31, Command::EndLease(life(10, 10))),
        Outcome::Done
    );
    assert!(!control.member(10).unwrap().is_live());
    assert_eq!(control.apply(32, start(10)), Outcome::Started(32));
    assert!(control.member(10).unwrap().is_live());
}

#[test]
fn a_suspended_node_is_not_live_in_a_later_life_either() {
    let mut control = three();
    control.apply(30, Command::Suspend(life(10, 10)));
    control.apply(31, start(10));
    assert!(!control.member(10).unwrap().is_live());
    control.apply(32, Command::Resume(10));
    assert!(control.member(10).unwrap().is_live());
}

#[test]
fn a_node_that_joins_at_the_address_of_a_dead_one_takes_its_place() {
    let mut control = three();
    control.apply(30, role(10, WantedRole::Voter, 20));
    let again = || {
        Command::Join(Join {
            token: 99,
            name: String::new(),
            addresses: at("peer-5"),
            promote: true,
        })
    };
    assert_eq!(control.apply(31, again()), refused(Refusal::AddressTaken));
    control.apply(32, Command::EndLease(life(10, 10)));
    assert_eq!(control.apply(33, again()), Outcome::Joined(life(33, 33)));
    assert_eq!(control.member(10).unwrap().role, Role::Leaving);
    assert_eq!(control.wanted().voters, [1].into());
}

#[test]
fn a_snapshot_holds_everything_and_damage_is_refused() {
    let mut control = Control::new();
    let commands = [
        bootstrap(4),
        start(1),
        join(7),
        join(8),
        role(4, WantedRole::Voter, 4),
        Command::SetDraining(SetDraining {
            node: 3,
            draining: true,
        }),
        Command::Suspend(life(3, 3)),
        role(4, WantedRole::Gone, 5),
        start(1),
    ];
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
