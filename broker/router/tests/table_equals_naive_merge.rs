//! A [`Table`] answers, through its cache and under random changes, what a naive merge of all subscriptions answers;
//! and whoever follows its deltas knows its interest.

#[path = "common/matching.rs"]
mod matching;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use matching::{filters, naive, topics};
use proptest::prelude::*;
use quorate_codec::QoS;
use quorate_router::{
    ConnectionId, Interest, Route, RouteHandle, Scope, Subscriber, Table, Target, WorkerInterest,
};

#[derive(Debug, Clone)]
enum Change {
    Subscribe(u32, String, Subscriber),
    Unsubscribe(u32, String),
    Disconnect(u32),
    Add(Target, String, Scope),
    Remove(Target, String),
    Clear(Target),
}

#[derive(Default)]
struct Model {
    subscriptions: BTreeMap<(u32, String), Subscriber>,
    targets: BTreeMap<(Target, String), Scope>,
    /// What the deltas said.
    told: BTreeMap<String, Scope>,
}

/// Connection, QoS, retain as published, durable, identifiers.
type Delivery = (u32, QoS, bool, bool, Vec<u32>);

fn connection(index: u32) -> ConnectionId {
    ConnectionId {
        index,
        generation: 7,
    }
}

fn subscribers() -> impl Strategy<Value = Subscriber> {
    let qos = prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    (qos, any::<bool>(), any::<bool>(), prop::option::of(1u32..4)).prop_map(
        |(qos, no_local, retain_as_published, identifier)| Subscriber {
            qos,
            no_local,
            retain_as_published,
            identifier: identifier.and_then(NonZeroU32::new),
            durable: false,
        },
    )
}

fn targets() -> impl Strategy<Value = Target> {
    prop::sample::select(vec![
        Target::Worker(1),
        Target::Worker(2),
        Target::Shard(0),
        Target::Shard(3),
        Target::Node(1),
        Target::Node(u64::MAX),
    ])
}

fn changes() -> impl Strategy<Value = Change> {
    let scope = || prop::sample::select(vec![Scope::QosZero, Scope::Every]);
    prop_oneof![
        6 => (0u32..4, filters(), subscribers()).prop_map(|(who, filter, mut subscriber)| {
            // A session is durable or not, for all its subscriptions.
            subscriber.durable = who % 2 == 1;
            Change::Subscribe(who, filter, subscriber)
        }),
        3 => (0u32..4, filters()).prop_map(|(who, filter)| Change::Unsubscribe(who, filter)),
        1 => (0u32..4).prop_map(Change::Disconnect),
        3 => (targets(), filters(), scope()).prop_map(|(target, filter, scope)| Change::Add(target, filter, scope)),
        2 => (targets(), filters()).prop_map(|(target, filter)| Change::Remove(target, filter)),
        1 => targets().prop_map(Change::Clear),
    ]
}

impl Model {
    fn tell(&mut self, filter: &str, interest: Interest) {
        match interest {
            Some(scope) => self.told.insert(filter.to_owned(), scope),
            None => self.told.remove(filter),
        };
    }

    fn apply(&mut self, table: &mut Table, change: &Change) {
        match change {
            Change::Subscribe(who, filter, subscriber) => {
                let existed = self
                    .subscriptions
                    .insert((*who, filter.clone()), *subscriber)
                    .is_some();
                let subscribed = table.subscribe(connection(*who), filter, *subscriber);
                assert_eq!(subscribed.existed, existed);
                subscribed
                    .interest
                    .into_iter()
                    .for_each(|interest| self.tell(filter, interest));
            }
            Change::Unsubscribe(who, filter) => {
                let existed = self.subscriptions.remove(&(*who, filter.clone())).is_some();
                let unsubscribed = table.unsubscribe(connection(*who), filter);
                assert_eq!(unsubscribed.is_some(), existed);
                unsubscribed
                    .flatten()
                    .into_iter()
                    .for_each(|interest| self.tell(filter, interest));
            }
            Change::Disconnect(who) => {
                let held = self
                    .subscriptions
                    .keys()
                    .filter(|(holder, _)| holder == who);
                let held: Vec<String> = held.map(|(_, filter)| filter.clone()).collect();
                let told = held.iter().map(String::as_str);
                table.remove_connection(connection(*who), told, |filter, interest| {
                    self.tell(filter, interest)
                });
                self.subscriptions.retain(|(holder, _), _| holder != who);
            }
            Change::Add(target, filter, scope) => {
                self.targets.insert((*target, filter.clone()), *scope);
                table.add_interest(*target, filter, *scope);
            }
            Change::Remove(target, filter) => {
                let existed = self.targets.remove(&(*target, filter.clone())).is_some();
                assert_eq!(table.remove_interest(*target, filter), existed);
            }
            Change::Clear(target) => {
                self.targets.retain(|(present, _), _| present != target);
                table.clear_target(*target);
            }
        }
        assert_eq!(table.len(), self.subscriptions.len() + self.targets.len());
    }

    fn interests(&self) -> BTreeMap<String, Scope> {
        let mut all = BTreeMap::new();
        for ((_, filter), subscriber) in &self.subscriptions {
            let scope = if subscriber.durable && subscriber.qos > QoS::AtMostOnce {
                Scope::QosZero
            } else {
                Scope::Every
            };
            let known = all.entry(filter.clone()).or_insert(scope);
            *known = scope.max(*known);
        }
        all
    }

    fn deliveries(&self, topic: &str, publisher: Option<u32>) -> Vec<Delivery> {
        let mut all: BTreeMap<u32, Delivery> = BTreeMap::new();
        for ((who, filter), subscriber) in &self.subscriptions {
            if !naive(filter, topic) || (subscriber.no_local && publisher == Some(*who)) {
                continue;
            }
            let sum = all.entry(*who).or_insert((
                *who,
                QoS::AtMostOnce,
                false,
                subscriber.durable,
                vec![],
            ));
            sum.1 = sum.1.max(subscriber.qos);
            sum.2 |= subscriber.retain_as_published;
            sum.4.extend(subscriber.identifier.map(NonZeroU32::get));
            sum.4.sort_unstable();
            sum.4.dedup();
        }
        all.into_values().collect()
    }

    fn wanted(&self, topic: &str) -> BTreeMap<Target, Scope> {
        let mut all = BTreeMap::new();
        for ((target, filter), scope) in &self.targets {
            if naive(filter, topic) {
                let known = all.entry(*target).or_insert(*scope);
                *known = *scope.max(known);
            }
        }
        all
    }

    fn check(&self, route: &Route, topic: &str) {
        assert_eq!(&*route.topic, topic);
        assert_eq!(deliveries(route, None), self.deliveries(topic, None));
        for publisher in 0..4 {
            assert_eq!(
                deliveries(route, Some(publisher)),
                self.deliveries(topic, Some(publisher))
            );
        }
        let wanted = self.wanted(topic);
        let (mut workers, mut shards, mut nodes) = (vec![], vec![], vec![]);
        for (target, scope) in &wanted {
            match target {
                Target::Worker(worker) => workers.push(WorkerInterest {
                    worker: *worker,
                    scope: *scope,
                }),
                Target::Shard(shard) => shards.push(*shard),
                Target::Node(node) => nodes.push((*node, *scope)),
            }
        }
        assert_eq!(
            (&*route.workers, &*route.shards, &*route.nodes),
            (&*workers, &*shards, &*nodes)
        );
        assert_eq!(
            route.is_empty(),
            wanted.is_empty() && self.deliveries(topic, None).is_empty()
        );
    }
}

fn deliveries(route: &Route, publisher: Option<u32>) -> Vec<Delivery> {
    let mut all = Vec::new();
    for recipient in &route.recipients {
        let own = publisher == Some(recipient.connection.index);
        let given = if own && recipient.no_local {
            route.echo(recipient.connection)
        } else {
            Some(recipient)
        };
        let Some(given) = given else { continue };
        let identifiers = route
            .identifiers(given)
            .iter()
            .map(|identifier| identifier.get())
            .collect();
        let connection = given.connection.index;
        all.push((
            connection,
            given.qos,
            given.retain_as_published,
            given.durable,
            identifiers,
        ));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn table_equals_naive_merge(
        changes in prop::collection::vec(changes(), 1..60),
        topics in prop::collection::vec(topics(), 1..8),
        publishes in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3), 1..60),
    ) {
        let mut table = Table::new(5);
        let mut model = Model::default();
        // Three publishers, each with its own memory of where its last route was.
        let mut handles = [RouteHandle::default(); 3];
        for (change, (topic, publisher)) in changes.iter().zip(publishes.iter().cycle()) {
            model.apply(&mut table, change);
            let topic = topic.get(&topics);
            model.check(table.route(&mut handles[*publisher], topic), topic);
        }
        for topic in &topics {
            model.check(table.route(&mut handles[0], topic), topic);
        }
        prop_assert_eq!(&model.told, &model.interests());
        let mut interests = BTreeMap::new();
        table.interests(|filter, scope| { interests.insert(filter.to_owned(), scope); });
        prop_assert_eq!(&interests, &model.told);
    }
}
