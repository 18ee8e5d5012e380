//! Shards of three nodes in one process, over real streams: commands, deliveries and reads find the leader
//! wherever it is, and leadership that moves under load loses, doubles and reorders nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use quorate_codec::{QoS, RetainHandling, SubscriptionOptions};
use quorate_control::Addresses;
use quorate_node::data_dir::Identity;
use quorate_node::delivery::{Deliveries, InterestDelta, SessionDeliveries};
use quorate_node::members::Newcomer;
use quorate_node::peers::Peers;
use quorate_node::raft::{Groups, Hooks, Options, Start};
use quorate_node::shard_client::{Completions, ReplyTo, Request};
use quorate_shard::{
    Acknowledge, Claim, Claimed, Command, DeliveryPacket, EXPIRY_NEVER, Epoch, Message, Outcome,
    Owner, PendingWill, Publish, Retain, Sequence, SessionId, ShardId, Subscribe, Subscription,
};
use tempfile::TempDir;
use tokio::sync::Notify;

const DEADLINE: Duration = Duration::from_secs(60);

/// What comes out of one node's groups.
#[derive(Default)]
struct Sink {
    outcomes: Mutex<BTreeMap<u64, Outcome>>,
    /// Packets of the one session that is attached, as a connection would take them: no repeats.
    taken: Mutex<Vec<(Sequence, Bytes)>>,
    changed: Notify,
}

impl Completions for Sink {
    fn complete(&self, _worker: u16, outcomes: Vec<(u64, Outcome)>) {
        let mut known = self.outcomes.lock().expect("not poisoned");
        for (ticket, outcome) in outcomes {
            let before = known.insert(ticket, outcome);
            assert_eq!(before, None, "ticket {ticket} is answered once");
        }
        self.changed.notify_waiters();
    }
}

impl Deliveries for Sink {
    fn deliver(&self, _worker: u16, sessions: Vec<SessionDeliveries>) {
        let mut taken = self.taken.lock().expect("not poisoned");
        for delivery in sessions.into_iter().flat_map(|session| session.deliveries) {
            let last = taken.last().map_or(0, |(sequence, _)| *sequence);
            if delivery.sequence <= last {
                continue;
            }
            assert_eq!(delivery.sequence, last + 1, "no delivery is skipped");
            if let DeliveryPacket::Publish(publish) = &delivery.packet {
                taken.push((delivery.sequence, publish.message.payload.clone()));
            }
        }
        drop(taken);
        self.changed.notify_waiters();
    }

    fn interest(
        &self,
        _shard: ShardId,
        _deltas: Vec<InterestDelta>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        confirmed();
    }

    fn interest_set(
        &self,
        _shard: ShardId,
        _term: u64,
        _filters: Vec<(Arc<str>, quorate_router::Scope)>,
        confirmed: Box<dyn FnOnce() + Send>,
    ) {
        confirmed();
    }

    fn follow(&self, _shard: ShardId) {}

    fn publish_will(&self, _shard: ShardId, _will: PendingWill) {}

    fn close(&self, _shard: ShardId, _session: SessionId, _owner: Owner) {}

    fn close_client(&self, _client_id: Arc<str>, _epoch: Epoch, closed: Box<dyn FnOnce() + Send>) {
        closed();
    }
}

/// One node.
struct Node {
    groups: Groups,
    sink: Arc<Sink>,
    _directory: TempDir,
}

async fn start(ask: Option<&str>) -> (Node, String) {
    let directory = TempDir::new().expect("a directory");
    let peers = Peers::new(None);
    let loopback = "127.0.0.1:0".parse().expect("an address");
    let address = peers.listen(loopback).await.expect("a port").to_string();
    let mut options = Options::new(directory.path().to_owned(), 0xfeed);
    options.wal.segment_bytes = 4 << 20;
    options.shards = 2;
    options.peers = peers;
    options.addresses = Addresses {
        peer: address.clone(),
        client: String::new(),
        admin: String::new(),
    };
    if let Some(ask) = ask {
        let newcomer = Newcomer {
            ask: vec![ask.to_owned()],
            token: address
                .bytes()
                .fold(1, |sum, byte| sum * 31 + u128::from(byte)),
            name: address.clone(),
            addresses: options.addresses.clone(),
            promote: true,
        };
        let joined = newcomer.join(None).await.expect("it is taken");
        options.start = Start::Joined(joined.life);
        options.identity = Some(Identity {
            cluster_id: joined.cluster,
            node_id: joined.life.node,
        });
        options.begun = false;
        options.known = joined.members;
    }
    let sink = Arc::new(Sink::default());
    let hooks = Hooks {
        completions: Arc::clone(&sink) as _,
        deliveries: Arc::clone(&sink) as _,
    };
    let starting = Groups::start(options, hooks);
    let groups = tokio::time::timeout(DEADLINE, starting).await;
    let groups = groups.expect("in time").expect("the groups start");
    let node = Node {
        groups,
        sink,
        _directory: directory,
    };
    (node, address)
}

/// Three nodes that all vote in all groups.
async fn start_three() -> Vec<Node> {
    let (first, address) = start(None).await;
    let mut nodes = vec![first];
    for _ in 0..2 {
        nodes.push(start(Some(&address)).await.0);
    }
    let begun = tokio::time::Instant::now();
    let settled = |node: &Node| {
        (0..3).all(|group| {
            let members = node.groups.group_members(group);
            let status = node.groups.group_status(group);
            members.is_some_and(|members| members.voters.len() == 3 && members.settled)
                && status.is_some_and(|status| status.leader.is_some())
        })
    };
    while !nodes.iter().all(settled) {
        assert!(begun.elapsed() < DEADLINE, "all nodes vote everywhere");
        // tidy: sleep: between two looks at a condition that has a deadline
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nodes
}

async fn stop(nodes: Vec<Node>) {
    for node in &nodes {
        node.groups.shutdown().await;
        node.groups.peers().shutdown().await;
    }
}

fn message(topic: &str, payload: &[u8]) -> Message {
    Message {
        topic: topic.into(),
        properties: Bytes::new(),
        payload: Bytes::copy_from_slice(payload),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry_seconds: None,
    }
}

async fn claim(node: &Node, client: &str) -> (ShardId, Claimed) {
    let shard = node.groups.slots().shard_of(client.as_bytes());
    let command = Command::Claim(Claim {
        client_id: client.into(),
        node: node.groups.node(),
        clean_start: false,
        expiry_seconds: EXPIRY_NEVER,
        window: 200,
        will: None,
    });
    match node.groups.call(shard, command, DEADLINE).await {
        Ok(Outcome::Claimed(claimed)) => (shard, *claimed),
        other => panic!("not claimed: {other:?}"),
    }
}

async fn subscribe(node: &Node, shard: ShardId, claimed: &Claimed, filter: &str) {
    let subscription = Subscription {
        filter: filter.into(),
        options: SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        },
        identifier: None,
    };
    let command = Command::Subscribe(Subscribe {
        session: claimed.session,
        epoch: claimed.epoch,
        subscriptions: vec![subscription],
    });
    let outcome = node.groups.call(shard, command, DEADLINE).await;
    assert_eq!(outcome, Ok(Outcome::Subscribed(vec![false])));
}

/// Publishes numbered messages to the shard, some at a time, until all are answered.
async fn publish_all(node: &Node, shard: ShardId, count: u64) {
    let name = node.groups.node();
    for ticket in 0..count {
        let payload = format!("{name}:{ticket}");
        let command = Command::Publish(Publish {
            message: message("t", payload.as_bytes()),
            publisher: None,
            origin: None,
            plain: true,
            groups: Vec::new(),
        });
        let reply = ReplyTo::Worker { worker: 0, ticket };
        node.groups.submit(shard, vec![Request { command, reply }]);
        loop {
            let changed = node.sink.changed.notified();
            let answered = node.sink.outcomes.lock().expect("not poisoned").len() as u64;
            if answered == count || (ticket + 1 < count && ticket < answered + 32) {
                break;
            }
            let waited = tokio::time::timeout(DEADLINE, changed).await;
            assert!(waited.is_ok(), "{answered} of {count} are answered");
        }
    }
}

/// Acknowledges what the session gets, until it has all.
async fn receive_all(node: &Node, shard: ShardId, claimed: &Claimed, count: usize) {
    let mut acknowledged = 0;
    while acknowledged < count {
        let changed = node.sink.changed.notified();
        let sequences: Vec<Sequence> = {
            let taken = node.sink.taken.lock().expect("not poisoned");
            taken[acknowledged..]
                .iter()
                .map(|(sequence, _)| *sequence)
                .collect()
        };
        if sequences.is_empty() {
            let waited = tokio::time::timeout(DEADLINE, changed).await;
            assert!(waited.is_ok(), "{acknowledged} of {count} came");
            continue;
        }
        acknowledged += sequences.len();
        let command = Command::Acknowledge(Acknowledge {
            session: claimed.session,
            epoch: claimed.epoch,
            sequences,
        });
        let outcome = node.groups.call(shard, command, DEADLINE).await;
        assert_eq!(outcome, Ok(Outcome::Done));
    }
}

/// Moves the leadership of a shard round and round, until dropped.
async fn move_leadership(nodes: &[Node], shard: ShardId) {
    let group = u32::from(shard) + 1;
    for turn in 1.. {
        // tidy: sleep: paces what disturbs the test; nothing waits for it
        tokio::time::sleep(Duration::from_millis(150)).await;
        let to = nodes[turn % nodes.len()].groups.node();
        for node in nodes {
            node.groups.transfer(group, to).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_that_moves_loses_doubles_and_reorders_nothing() {
    const COUNT: u64 = 400;
    let nodes = start_three().await;
    // The connection is on the last node, wherever the shard's leader is.
    let owner = &nodes[2];
    let (shard, claimed) = claim(owner, "device").await;
    subscribe(owner, shard, &claimed, "t").await;
    owner
        .groups
        .attach(shard, claimed.session, claimed.epoch, 0);

    let publishing = nodes.iter().map(|node| publish_all(node, shard, COUNT));
    let publishing = futures::future::join_all(publishing);
    let all = COUNT as usize * nodes.len();
    let receiving = receive_all(owner, shard, &claimed, all);
    let mut leaders = owner.groups.leader(shard);
    let mut changes = 0;
    tokio::select! {
        _ = async { tokio::join!(publishing, receiving) } => {}
        () = move_leadership(&nodes, shard) => unreachable!("it goes on for ever"),
        () = async { while leaders.changed().await.is_ok() { changes += 1; } } => {}
    }
    println!("{changes} changes of who leads");
    assert!(changes > 0, "leadership moved");

    let mut by_publisher: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (_, payload) in owner.sink.taken.lock().expect("not poisoned").iter() {
        let text = std::str::from_utf8(payload).expect("we wrote it");
        let (name, number) = text.split_once(':').expect("we wrote it");
        let number = number.parse().expect("we wrote it");
        by_publisher
            .entry(name.to_owned())
            .or_default()
            .push(number);
    }
    assert_eq!(by_publisher.len(), nodes.len());
    for (name, numbers) in by_publisher {
        let expected: Vec<u64> = (0..COUNT).collect();
        assert_eq!(numbers, expected, "of node {name}");
    }
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_moves_to_another_node_gets_what_it_has_not_acknowledged() {
    let nodes = start_three().await;
    let (shard, before) = claim(&nodes[0], "device").await;
    subscribe(&nodes[0], shard, &before, "t").await;
    nodes[0]
        .groups
        .attach(shard, before.session, before.epoch, 0);
    publish_all(&nodes[0], shard, 50).await;
    for node in &nodes[1..] {
        let (_, claimed) = claim(node, "device").await;
        assert!(claimed.present);
        assert!(claimed.epoch > before.epoch);
        node.groups.attach(shard, claimed.session, claimed.epoch, 0);
        let came = async {
            loop {
                let changed = node.sink.changed.notified();
                if node.sink.taken.lock().expect("not poisoned").len() == 50 {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, came).await;
        assert!(waited.is_ok(), "all of it comes");
    }
    stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retained_messages_are_read_from_every_node_as_soon_as_they_are_acknowledged() {
    let nodes = start_three().await;
    let payload = vec![7; 100_000];
    for number in 0..30_usize {
        let topic = format!("r/{number}");
        let shard = nodes[0].groups.slots().shard_of(topic.as_bytes());
        let retain = Command::Retain(Retain {
            message: Message {
                retain: true,
                ..message(&topic, &payload)
            },
        });
        let node = &nodes[number % nodes.len()];
        let outcome = node.groups.call(shard, retain, DEADLINE).await;
        assert_eq!(outcome, Ok(Outcome::Done));
        let reader = &nodes[(number + 1) % nodes.len()];
        let found = reader
            .groups
            .retained(&topic, DEADLINE)
            .await
            .expect("answered");
        assert_eq!(found.len(), 1, "{topic}");
    }
    for node in &nodes {
        let found = node
            .groups
            .retained("r/#", DEADLINE)
            .await
            .expect("answered");
        assert_eq!(found.len(), 30);
    }
    stop(nodes).await;
}
