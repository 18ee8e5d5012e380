//! Share groups: each message has one member, the strategies keep their word, and those who are told the number of a
//! member find one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use quorate_codec::QoS;
use quorate_router::{
    Chosen, ConnectionId, Draw, RouteHandle, Scope, ShareCount, ShareStrategy, Subscriber, Table,
    Target,
};

const GROUP: &str = "$share/g/a/+";

fn connection(index: u32) -> ConnectionId {
    ConnectionId {
        index,
        generation: 1,
    }
}

fn member(qos: QoS) -> Subscriber {
    Subscriber {
        qos,
        no_local: false,
        retain_as_published: false,
        identifier: None,
        durable: false,
    }
}

fn durable(qos: QoS) -> Subscriber {
    Subscriber {
        durable: true,
        ..member(qos)
    }
}

fn table(strategy: ShareStrategy, members: u32) -> Table {
    let mut table = Table::new(3);
    table.set_share_strategy(strategy);
    for index in 0..members {
        table.subscribe(connection(index), GROUP, member(QoS::AtLeastOnce));
    }
    table
}

fn share(ready: u32, other: u32) -> Scope {
    Scope::Share(ShareCount { ready, other })
}

fn draw<'a>(client: &'a str, topic: &'a str) -> Draw<'a> {
    Draw {
        qos: QoS::AtLeastOnce,
        client,
        topic,
        fixed: None,
    }
}

/// Who gets a message, if the topic has one group.
fn choose(table: &mut Table, draw: &Draw<'_>) -> Option<Chosen> {
    let route = table.route(&mut RouteHandle::default(), draw.topic).clone();
    assert!(route.groups.len() <= 1);
    table.choose(*route.groups.first()?, draw)
}

fn index(chosen: Option<Chosen>) -> u32 {
    match chosen {
        Some(Chosen::Member(connection, _)) => connection.index,
        other => panic!("not a member: {other:?}"),
    }
}

#[test]
fn members_take_turns() {
    let mut table = table(ShareStrategy::RoundRobin, 3);
    let turns: Vec<u32> = (0..6)
        .map(|_| index(choose(&mut table, &draw("p", "a/x"))))
        .collect();
    assert_eq!(turns[..3], turns[3..]);
    assert_eq!(turns.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(choose(&mut table, &draw("p", "b/x")), None, "no such group");
}

#[test]
fn groups_of_one_topic_choose_apart_and_plain_filters_go_on() {
    let mut table = table(ShareStrategy::RoundRobin, 1);
    table.subscribe(connection(7), "$share/h/a/#", member(QoS::AtMostOnce));
    table.subscribe(connection(8), "a/x", member(QoS::AtMostOnce));
    let route = table.route(&mut RouteHandle::default(), "a/x").clone();
    assert_eq!((route.groups.len(), route.recipients.len()), (2, 1));
    let chosen = route.groups.iter().map(|group| {
        let chosen = table.choose(*group, &draw("p", "a/x"));
        (
            table.share_text(*group).map(|text| text.to_string()),
            index(chosen),
        )
    });
    let chosen: BTreeMap<_, _> = chosen.collect();
    assert_eq!(chosen[&Some(GROUP.to_owned())], 0);
    assert_eq!(chosen[&Some("$share/h/a/#".to_owned())], 7);
    table.unsubscribe(connection(7), "$share/h/a/#");
    assert_eq!(
        table.route(&mut RouteHandle::default(), "a/x").groups.len(),
        1,
        "an empty group is gone from the route"
    );
}

#[test]
fn a_member_that_leaves_gets_nothing_more() {
    let mut table = table(ShareStrategy::RoundRobin, 3);
    assert_eq!(
        table.unsubscribe(connection(1), GROUP),
        Some(Some(Some(share(2, 0))))
    );
    assert_eq!(table.unsubscribe(connection(1), GROUP), None);
    for _ in 0..10 {
        assert_ne!(index(choose(&mut table, &draw("p", "a/x"))), 1);
    }
    table.remove_connection(connection(0), [GROUP], |_, _| {});
    table.remove_connection(connection(2), [GROUP], |filter, interest| {
        assert_eq!((filter, interest), (GROUP, None));
    });
    assert!(table.is_empty());
    assert!(table.route(&mut RouteHandle::default(), "a/x").is_empty());
}

#[test]
fn sticky_stays_until_its_member_leaves() {
    let mut table = table(ShareStrategy::Sticky, 4);
    let first = index(choose(&mut table, &draw("p", "a/x")));
    for topic in ["a/x", "a/y", "a/z"] {
        assert_eq!(index(choose(&mut table, &draw("q", topic))), first);
    }
    table.unsubscribe(connection(first), GROUP);
    let second = index(choose(&mut table, &draw("p", "a/x")));
    assert_ne!(second, first);
    assert_eq!(index(choose(&mut table, &draw("p", "a/y"))), second);
}

#[test]
fn a_publisher_or_a_topic_keeps_its_member() {
    let mut by_client = table(ShareStrategy::ByClient, 16);
    let mut by_topic = table(ShareStrategy::ByTopic, 16);
    let clients: BTreeSet<u32> = (0..50)
        .map(|number| {
            let client = format!("c{number}");
            let first = index(choose(&mut by_client, &draw(&client, "a/x")));
            assert_eq!(index(choose(&mut by_client, &draw(&client, "a/y"))), first);
            first
        })
        .collect();
    let topics: BTreeSet<u32> = (0..50)
        .map(|number| {
            let topic = format!("a/{number}");
            let first = index(choose(&mut by_topic, &draw("p", &topic)));
            assert_eq!(index(choose(&mut by_topic, &draw("q", &topic))), first);
            first
        })
        .collect();
    assert!(clients.len() > 8 && topics.len() > 8, "all go to few");
}

#[test]
fn random_reaches_everybody() {
    let mut table = table(ShareStrategy::Random, 4);
    let mut counts = [0; 4];
    for _ in 0..4_000 {
        counts[index(choose(&mut table, &draw("p", "a/x"))) as usize] += 1;
    }
    assert!(
        counts.iter().all(|count| (800..1_200).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn a_repeat_goes_where_the_first_went() {
    let mut table = table(ShareStrategy::RoundRobin, 5);
    let fixed = Draw {
        fixed: Some(42),
        ..draw("p", "a/x")
    };
    let first = choose(&mut table, &fixed);
    for _ in 0..3 {
        choose(&mut table, &draw("p", "a/x"));
        assert_eq!(choose(&mut table, &fixed), first);
    }
}

#[test]
fn others_get_a_share_for_each_of_their_members() {
    let mut table = table(ShareStrategy::RoundRobin, 1);
    table.add_interest(Target::Worker(1), GROUP, share(2, 0));
    table.add_interest(Target::Node(9), GROUP, share(3, 5));
    let mut counts: BTreeMap<Option<(Target, u32)>, u32> = BTreeMap::new();
    for _ in 0..60 {
        let place = match choose(&mut table, &draw("p", "a/x")) {
            Some(Chosen::Target(target, turn)) => Some((target, turn)),
            Some(Chosen::Member(..)) => None,
            None => panic!("nobody"),
        };
        *counts.entry(place).or_default() += 1;
    }
    assert_eq!(counts.len(), 6, "{counts:?}");
    assert!(counts.values().all(|count| *count == 10), "{counts:?}");
    // The other side finds its members by the numbers.
    let there = self::table(ShareStrategy::RoundRobin, 2);
    let group = there.share_group(GROUP).unwrap();
    let found: BTreeSet<u32> = (0..2)
        .map(|turn| index(there.choose_own(group, QoS::AtLeastOnce, turn)))
        .collect();
    assert_eq!(found.len(), 2);
    assert_eq!(there.share_group("$share/x/a/+"), None);
}

#[test]
fn local_first_goes_away_only_when_nobody_is_near() {
    let mut table = table(ShareStrategy::LocalFirst, 1);
    table.add_interest(Target::Worker(1), GROUP, share(5, 0));
    table.add_interest(Target::Node(9), GROUP, share(5, 0));
    for _ in 0..10 {
        assert_eq!(index(choose(&mut table, &draw("p", "a/x"))), 0);
    }
    table.unsubscribe(connection(0), GROUP);
    let near = |chosen| matches!(chosen, Some(Chosen::Target(Target::Worker(1), _)));
    assert!((0..10).all(|_| near(choose(&mut table, &draw("p", "a/x")))));
    table.clear_target(Target::Worker(1));
    let chosen = choose(&mut table, &draw("p", "a/x"));
    assert!(matches!(chosen, Some(Chosen::Target(Target::Node(9), _))));
}

#[test]
fn durable_members_take_what_is_above_qos_0_from_their_shard() {
    let mut table = Table::new(3);
    let told = table.subscribe(connection(0), GROUP, durable(QoS::ExactlyOnce));
    assert_eq!(told.interest, Some(Some(share(0, 1))));
    let above = draw("p", "a/x");
    let zero = Draw {
        qos: QoS::AtMostOnce,
        ..above
    };
    assert_eq!(index(choose(&mut table, &zero)), 0);
    assert_eq!(choose(&mut table, &above), None);
    // The shard has one member that is connected and two that are not.
    table.add_interest(Target::Shard(4), GROUP, share(1, 2));
    let shard = Some(Chosen::Target(Target::Shard(4), 0));
    assert_eq!(choose(&mut table, &above), shard);
    assert_eq!(index(choose(&mut table, &zero)), 0, "shards keep no QoS 0");
    // Those that are absent get a message only if nobody is there.
    table.add_interest(Target::Shard(4), GROUP, share(0, 2));
    assert!(matches!(
        choose(&mut table, &above),
        Some(Chosen::Target(Target::Shard(4), _))
    ));
    table.subscribe(connection(1), GROUP, member(QoS::AtMostOnce));
    for _ in 0..5 {
        assert_eq!(index(choose(&mut table, &above)), 1);
    }
}

#[test]
fn turns_at_qos_0_and_above_do_not_get_into_step() {
    let mut table = Table::new(3);
    for index in 0..2 {
        table.subscribe(connection(index), GROUP, durable(QoS::AtLeastOnce));
    }
    table.add_interest(Target::Shard(0), GROUP, share(1, 0));
    table.add_interest(Target::Shard(1), GROUP, share(1, 0));
    let mut seen = BTreeSet::new();
    for number in 0..8 {
        let qos = QoS::from_bits(number % 2).unwrap();
        let chosen = choose(
            &mut table,
            &Draw {
                qos,
                ..draw("p", "a/x")
            },
        );
        seen.insert(match chosen {
            Some(Chosen::Member(connection, _)) => (0, connection.index),
            Some(Chosen::Target(Target::Shard(shard), _)) => (1, u32::from(shard)),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn what_is_no_share_group_is_ignored() {
    let mut table = Table::new(3);
    table.add_interest(Target::Node(1), "$share/g", share(1, 0));
    table.add_interest(Target::Node(1), "a/b", share(1, 0));
    table.add_interest(Target::Node(1), "$share/g/a", Scope::Every);
    assert!(table.is_empty());
}

#[test]
fn interests_list_groups_too() {
    let mut table = table(ShareStrategy::RoundRobin, 2);
    table.subscribe(connection(9), "x/y", member(QoS::AtMostOnce));
    let mut listed = Vec::new();
    table.interests(|filter, scope| listed.push((filter.to_owned(), scope)));
    assert_eq!(
        listed,
        [
            ("x/y".to_owned(), Scope::Every),
            (GROUP.to_owned(), share(2, 0))
        ]
    );
}

proptest! {
    #[test]
    fn every_message_has_one_member_that_is_there(
        changes in prop::collection::vec((any::<bool>(), 0u32..6, any::<bool>()), 1..60),
        strategy in prop::sample::select(vec![
            ShareStrategy::RoundRobin,
            ShareStrategy::Random,
            ShareStrategy::Sticky,
            ShareStrategy::ByClient,
            ShareStrategy::ByTopic,
            ShareStrategy::LocalFirst,
        ]),
    ) {
        let mut table = Table::new(1);
        table.set_share_strategy(strategy);
        // Whether the member takes everything this way.
        let mut members: BTreeMap<u32, bool> = BTreeMap::new();
        for (joins, who, is_durable) in changes {
            if joins {
                let subscriber = if is_durable { durable(QoS::AtLeastOnce) } else { member(QoS::AtLeastOnce) };
                let existed = table.subscribe(connection(who), GROUP, subscriber).existed;
                prop_assert_eq!(existed, members.insert(who, !is_durable).is_some());
            } else {
                let left = table.unsubscribe(connection(who), GROUP);
                prop_assert_eq!(left.is_some(), members.remove(&who).is_some());
            }
            for qos in [QoS::AtMostOnce, QoS::ExactlyOnce] {
                let chosen = choose(&mut table, &Draw { qos, ..draw("p", "a/x") });
                let able = |who: &u32| qos == QoS::AtMostOnce || members[who];
                match chosen {
                    Some(Chosen::Member(who, _)) => {
                        prop_assert!(members.contains_key(&who.index) && able(&who.index));
                    }
                    Some(Chosen::Target(..)) => prop_assert!(false, "there are no others"),
                    None => prop_assert!(!members.keys().any(able)),
                }
            }
            let ready = members.values().filter(|takes_all| **takes_all).count() as u32;
            let other = members.len() as u32 - ready;
            let interest = (!members.is_empty()).then_some(share(ready, other));
            prop_assert_eq!(table.interest(GROUP), interest);
        }
    }
}
