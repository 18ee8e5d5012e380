//! Three nodes in one process, each with its own directory and port: they find each other, agree on who is a
//! member, replace what dies, and forget what is removed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_codec::QoS;
use quorate_control::{
    Addresses, Command, Control, NodeId, Outcome, Refusal, Role, SetRole, WantedRole,
};
use quorate_node::data_dir::Identity;
use quorate_node::delivery::{Deliveries, InterestDelta, SessionDeliveries};
use quorate_node::members::{Newcomer, Over};
use quorate_node::peers::Peers;
use quorate_node::raft::{Groups, Hooks, Options, Start};
use quorate_node::shard_client::Completions;
use quorate_shard::{Message, Owner, PendingWill, Publish, SessionId, ShardId};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(40);
const SHARDS: ShardId = 2;

type Confirmed = Box<dyn FnOnce() + Send>;

/// A node without clients.
struct Nobody;

impl Completions for Nobody {
    fn complete(&self, _: u16, _: Vec<(u64, quorate_shard::Outcome)>) {}
}

impl Deliveries for Nobody {
    fn deliver(&self, _: u16, _: Vec<SessionDeliveries>) {}

    fn interest(&self, _: ShardId, _: Vec<InterestDelta>, confirmed: Confirmed) {
        confirmed();
    }

    fn interest_set(
        &self,
        _: ShardId,
        _: u64,
        _: Vec<(Arc<str>, quorate_router::Scope)>,
        confirmed: Confirmed,
    ) {
        confirmed();
    }

    fn follow(&self, _: ShardId) {}

    fn publish_will(&self, _: ShardId, _: PendingWill) {}

    fn close(&self, _: ShardId, _: SessionId, _: Owner) {}

    fn close_client(&self, _: Arc<str>, _: u64, closed: Confirmed) {
        closed();
    }
}

struct Node {
    directory: TempDir,
    address: SocketAddr,
    peers: Peers,
    groups: Groups,
}

impl Node {
    async fn begin() -> Self {
        let directory = TempDir::new().expect("a directory");
        Self::start(directory, loopback(), Start::Single, None).await
    }

    async fn join(address: SocketAddr, ask: &Self) -> Self {
        let directory = TempDir::new().expect("a directory");
        let newcomer = Newcomer {
            ask: vec![ask.address.to_string()],
            token: u128::from(address.port()) << 64
                | u128::from(ask.groups.control().borrow().applied()),
            name: String::new(),
            addresses: at(address),
            promote: true,
        };
        let joined = tokio::time::timeout(DEADLINE, newcomer.join(None)).await;
        let joined = joined.expect("in time").expect("it is taken");
        let identity = Identity {
            cluster_id: joined.cluster,
            node_id: joined.life.node,
        };
        let known = quorate_node::data_dir::Notes {
            incarnation: joined.life.incarnation,
            begun: false,
            members: joined.members,
        };
        quorate_node::data_dir::save_notes(directory.path(), &known).expect("it is writable");
        Self::start(
            directory,
            address,
            Start::Joined(joined.life),
            Some(identity),
        )
        .await
    }

    async fn start(
        directory: TempDir,
        address: SocketAddr,
        start: Start,
        identity: Option<Identity>,
    ) -> Self {
        let peers = Peers::new(None);
        let address = peers.listen(address).await.expect("the port is free");
        let mut options = Options::new(directory.path().to_owned(), 0xfeed);
        options.wal.segment_bytes = 4 << 20;
        options.shards = SHARDS;
        options.peers = peers.clone();
        options.addresses = at(address);
        options.start = start;
        options.identity = identity;
        let hooks = Hooks {
            completions: Arc::new(Nobody),
            deliveries: Arc::new(Nobody),
        };
        let starting = tokio::time::timeout(DEADLINE, Groups::start(options, hooks)).await;
        let groups = starting.expect("in time").expect("the groups start");
        Self {
            directory,
            address,
            peers,
            groups,
        }
    }

    /// Without a word to the others.
    async fn kill(self) -> (TempDir, SocketAddr, Identity) {
        self.peers.shutdown().await;
        self.groups.shutdown().await;
        let identity = Identity {
            cluster_id: self.groups.cluster_id(),
            node_id: self.groups.node(),
        };
        (self.directory, self.address, identity)
    }

    fn id(&self) -> NodeId {
        self.groups.node()
    }

    /// Waits until the control state as this node knows it is like that.
    async fn until(&self, what: &str, look: impl Fn(&Control) -> bool) {
        let mut control = self.groups.control();
        let found = tokio::time::timeout(DEADLINE, control.wait_for(|control| look(control))).await;
        if found.is_err() {
            panic!("{what}: {:#?}", self.groups.control().borrow());
        }
    }

    /// Waits until all groups have these voters and nobody else, as this node knows.
    async fn voters(&self, wanted: &[NodeId]) {
        let wanted: BTreeSet<NodeId> = wanted.iter().copied().collect();
        let begun = tokio::time::Instant::now();
        for group in 0..=u32::from(SHARDS) {
            loop {
                let members = self.groups.group_members(group).expect("it is there");
                if members.voters == wanted && members.learners.is_empty() && members.settled {
                    break;
                }
                assert!(
                    begun.elapsed() < DEADLINE,
                    "group {group} wants {wanted:?}: {members:?}"
                );
                // tidy: sleep: between two looks at a condition that has a deadline
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn publish(&self) {
        for shard in 0..SHARDS {
            let message = Message {
                topic: "t".into(),
                properties: Bytes::new(),
                payload: Bytes::from_static(b"x"),
                qos: QoS::AtLeastOnce,
                retain: false,
                expiry_seconds: None,
            };
            let command = quorate_shard::Command::Publish(Publish {
                message,
                publisher: None,
                origin: None,
                plain: true,
                groups: Vec::new(),
            });
            let outcome = self.groups.call(shard, command, DEADLINE).await;
            assert_eq!(outcome, Ok(quorate_shard::Outcome::Published(0)));
        }
    }

    async fn change(&self, node: NodeId, role: WantedRole, expected: u64) -> Outcome {
        let command = Command::SetRole(SetRole {
            node,
            role,
            expected,
        });
        let outcome = self.groups.change(command, DEADLINE).await;
        outcome.expect("a leader answers")
    }

    fn revision(&self) -> u64 {
        self.groups.control().borrow().revision()
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn at(address: SocketAddr) -> Addresses {
    Addresses {
        peer: address.to_string(),
        ..Addresses::default()
    }
}

/// A port that is free a moment before it is used.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind(loopback()).expect("a port");
    listener.local_addr().expect("it has one")
}

async fn three() -> (Node, Node, Node) {
    let first = Node::begin().await;
    assert!(first.groups.fence().is_held() || first.groups.fence().left_ms() == Some(0));
    let second = Node::join(free(), &first).await;
    let third = Node::join(free(), &second).await;
    let all = [first.id(), second.id(), third.id()];
    for node in [&first, &second, &third] {
        node.until("three voters", |control| control.wanted().voters.len() == 3)
            .await;
        node.voters(&all).await;
    }
    (first, second, third)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_becomes_three_voters_with_leaders_on_all() {
    let (first, second, third) = three().await;
    for node in [&first, &second, &third] {
        node.publish().await;
        assert!(node.groups.fence().is_held());
    }
    let ids = [first.id(), second.id(), third.id()];
    for shard in 0..SHARDS {
        let mut leader = first.groups.leader(shard);
        let wanted = ids[usize::from(shard) % 3];
        let moved = leader.wait_for(|leader| *leader == Some(wanted));
        let moved = tokio::time::timeout(DEADLINE, moved).await;
        moved.expect("leaders are spread").expect("it runs");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_node_is_replaced_comes_back_and_is_replaced_by_a_wiped_one() {
    let (first, second, third) = three().await;
    let old = first.id();
    let life = first.groups.incarnation();
    let (directory, address, identity) = first.kill().await;
    second.publish().await;
    let ended = |control: &Control| control.member(old).is_some_and(|member| member.lease_ended);
    second.until("the lease ends", ended).await;
    third.publish().await;

    let first = Node::start(directory, address, Start::Single, Some(identity)).await;
    assert_eq!(first.id(), old);
    assert!(first.groups.incarnation() > life);
    first.publish().await;
    second
        .until("it lives again", |control| {
            control.member(old).is_some_and(|member| member.is_live())
        })
        .await;

    let (directory, address, _) = first.kill().await;
    drop(directory);
    let fresh = Node::join(address, &second).await;
    assert_ne!(fresh.id(), old);
    let ids = [second.id(), third.id(), fresh.id()];
    for node in [&second, &third, &fresh] {
        node.voters(&ids).await;
        node.until("the old one is gone", |control| {
            control
                .member(old)
                .is_some_and(|member| member.role == Role::Removed)
        })
        .await;
        node.publish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_hears_of_it_and_a_stale_caller_is_refused() {
    let (first, second, third) = three().await;
    let revision = second.revision();
    let stale = third
        .change(first.id(), WantedRole::Gone, revision - 1)
        .await;
    assert_eq!(
        stale,
        Outcome::Refused(Refusal::Stale { current: revision })
    );
    let removed = third.change(first.id(), WantedRole::Gone, revision).await;
    assert!(matches!(removed, Outcome::Changed(_)), "{removed:?}");
    let mut over = first.groups.over();
    let told = tokio::time::timeout(DEADLINE, over.wait_for(Option::is_some)).await;
    assert_eq!(
        *told.expect("in time").expect("it runs"),
        Some(Over::Removed)
    );
    assert!(!first.groups.fence().is_held());
    second.voters(&[second.id(), third.id()]).await;
    third.publish().await;
    let demoted = third
        .change(third.id(), WantedRole::Gone, third.revision())
        .await;
    assert!(matches!(demoted, Outcome::Changed(_)), "{demoted:?}");
    second.voters(&[second.id()]).await;
    second.publish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_hands_over_and_says_goodbye() {
    let (first, second, third) = three().await;
    let own = third.id();
    third.groups.hand_over_all().await;
    for group in 0..=u32::from(SHARDS) {
        let status = third.groups.group_status(group).expect("it is there");
        assert_ne!(status.leader, Some(own), "group {group}");
    }
    third.groups.shutdown().await;
    let begun = tokio::time::Instant::now();
    second
        .until("goodbye is heard", |control| {
            control.member(own).is_some_and(|member| member.lease_ended)
        })
        .await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    first.publish().await;
}
