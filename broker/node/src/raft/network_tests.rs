//! One group over three nodes in one process: elections, replication, failover, snapshots.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::impls::EmptyNode;
use openraft::{Config, Raft, ServerState, SnapshotPolicy};
use quorate_proto::peer as proto;
use quorate_wal::{FsDisk, Wal};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::limits;
use super::log_store::LogStore;
use super::machine::{Machine, MachineError, Reply};
use super::network::Network;
use super::server::RaftServer;
use super::snapshot::SnapshotStore;
use super::snapshot_receiver::SnapshotReceiver;
use super::state_machine::{Shared, StateMachine};
use super::type_config::{Callback, Command, Types};
use crate::peers::{Identity, PeerAddress, Peers};

const GROUP: u32 = 1;
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps every command.
#[derive(Default)]
struct Keeper(Mutex<Vec<Bytes>>);

impl Keeper {
    fn commands(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().clone()
    }
}

impl Machine for Keeper {
    fn apply(&self, _index: u64, command: Bytes) -> Result<Reply, MachineError> {
        self.0.lock().unwrap().push(command);
        Ok(Reply::None)
    }

    fn view(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let commands = self.commands().into_iter();
        Box::new(commands.map(|command| command.to_vec()))
    }

    fn restore(&self, records: Vec<Bytes>) -> Result<(), MachineError> {
        *self.0.lock().unwrap() = records;
        Ok(())
    }

    fn lead(&self, _term: u64) {}

    fn follow(&self) {}
}

struct Node {
    id: u64,
    peers: Peers,
    raft: Raft<Types, StateMachine>,
    keeper: Arc<Keeper>,
    shared: Arc<Shared>,
    at: PeerAddress,
    directory: TempDir,
}

impl Node {
    async fn start(id: u64) -> Self {
        let directory = TempDir::new().unwrap();
        let snapshots = directory.path().join("snapshots");
        let peers = Peers::new(None);
        let server = RaftServer::register(&peers, snapshots.clone());
        let bound = peers.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        peers.set_identity(Identity {
            cluster: 7,
            node: id,
            incarnation: id,
        });
        let disk = FsDisk::open(directory.path().join("wal")).unwrap();
        let (wal, _) = Wal::open(Arc::new(disk), quorate_wal::Options::default()).unwrap();
        let keeper = Arc::new(Keeper::default());
        let store = SnapshotStore::open(&snapshots, GROUP).unwrap();
        let state = StateMachine::open(Arc::clone(&keeper) as _, store, u64::MAX).unwrap();
        let shared = Arc::clone(&state.0);
        let network = Network::new(peers.clone(), GROUP);
        let config = Arc::new(config().validate().unwrap());
        let log = LogStore::new(wal, GROUP);
        let raft = Raft::new(id, config, network, log, state).await.unwrap();
        server.add(GROUP, raft.clone());
        Self {
            id,
            peers,
            raft,
            keeper,
            shared,
            at: PeerAddress {
                node: id,
                address: bound.to_string(),
            },
            directory,
        }
    }

    /// Proposes, and waits until it is applied here; whether it was.
    async fn write(&self, command: Bytes) -> bool {
        let (told, answer) = oneshot::channel();
        let callback = Callback(Box::new(
            move |result: openraft::raft::ClientWriteResult<Types>| {
                let _ = told.send(result.is_ok());
            },
        ));
        let written = self.raft.client_write_ff(Command(command), Some(callback));
        written.await.is_ok() && answer.await.unwrap_or(false)
    }

    fn leads(&self) -> bool {
        self.raft.metrics().borrow_watched().state == ServerState::Leader
    }
}

fn config() -> Config {
    Config {
        election_timeout_min: limits::ELECTION_MS_MIN,
        election_timeout_max: limits::ELECTION_MS_MAX,
        heartbeat_interval: limits::HEARTBEAT_MS,
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: 0,
        enable_pre_vote: Some(true),
        ..Config::default()
    }
}

async fn until(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        // tidy: sleep: between two looks at a condition that has a deadline
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Writes through whoever leads, until it is applied.
async fn write(nodes: &[&Node], command: Bytes) {
    let begun = Instant::now();
    loop {
        for node in nodes.iter().filter(|node| node.leads()) {
            if node.write(command.clone()).await {
                return;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "nobody takes a command");
        // tidy: sleep: between two looks at a condition that has a deadline
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn nodes(count: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    for id in 1..=count {
        nodes.push(Node::start(id).await);
    }
    let members: Vec<_> = nodes.iter().map(|node| node.at.clone()).collect();
    for node in &nodes {
        node.peers.set_members(members.clone());
    }
    for node in &nodes {
        for to in (1..=count).filter(|to| *to != node.id) {
            let what = "all peers are connected";
            until(what, || node.peers.state().borrow().is_connected(to)).await;
        }
    }
    nodes
}

fn command(number: u32, bytes: usize) -> Bytes {
    let mut command = vec![0; bytes];
    command[..4].copy_from_slice(&number.to_le_bytes());
    command.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_replicates_and_outlives_its_leader() {
    let nodes = nodes(3).await;
    let all: Vec<&Node> = nodes.iter().collect();
    let voters: std::collections::BTreeSet<u64> = [1, 2, 3].into();
    nodes[0].raft.initialize(voters).await.unwrap();
    until("somebody leads", || all.iter().any(|node| node.leads())).await;
    let mut wanted = Vec::new();
    for number in 0..100 {
        wanted.push(command(number, 20_000));
        write(&all, wanted[number as usize].clone()).await;
    }
    for node in &all {
        until("everybody has everything", || {
            node.keeper.commands() == wanted
        })
        .await;
    }

    let leader = all.iter().position(|node| node.leads()).unwrap();
    nodes[leader].peers.shutdown().await;
    let begun = Instant::now();
    let left: Vec<&Node> = nodes
        .iter()
        .filter(|node| node.id != nodes[leader].id)
        .collect();
    wanted.push(command(100, 100));
    write(&left, wanted[100].clone()).await;
    println!("failover took {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(5));
    for node in &left {
        until("the others have it", || node.keeper.commands() == wanted).await;
    }
    assert_eq!(nodes[leader].keeper.commands().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_hands_over_to_whom_it_is_asked() {
    let nodes = nodes(3).await;
    let all: Vec<&Node> = nodes.iter().collect();
    let voters: std::collections::BTreeSet<u64> = [1, 2, 3].into();
    nodes[0].raft.initialize(voters).await.unwrap();
    until("somebody leads", || all.iter().any(|node| node.leads())).await;
    write(&all, command(0, 10)).await;
    let leader = all.iter().find(|node| node.leads()).unwrap();
    let heir = all.iter().find(|node| !node.leads()).unwrap();
    // One whose log is behind refuses.
    until("the heir has it", || heir.keeper.commands().len() == 1).await;
    let trigger = leader.raft.trigger();
    trigger.transfer_leader(heir.id).await.unwrap();
    until("the heir leads", || heir.leads()).await;
    write(&all, command(1, 10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_behind_the_purged_log_gets_the_snapshot() {
    let nodes = nodes(2).await;
    let leader = &nodes[0];
    let voters: std::collections::BTreeSet<u64> = [1].into();
    leader.raft.initialize(voters).await.unwrap();
    until("the only voter leads", || leader.leads()).await;
    let mut wanted = Vec::new();
    for number in 0..50 {
        wanted.push(command(number, 100_000));
        write(&[leader], wanted[number as usize].clone()).await;
    }
    let preparing = Arc::clone(&leader.shared);
    tokio::task::spawn_blocking(move || preparing.prepare_snapshot())
        .await
        .unwrap()
        .unwrap();
    leader.raft.trigger().snapshot().await.unwrap();
    until("the log is purged", || {
        leader.raft.metrics().borrow_watched().purged.is_some()
    })
    .await;

    leader
        .raft
        .add_learner(2, EmptyNode::default(), false)
        .await
        .unwrap();
    until("the learner has the state", || {
        nodes[1].keeper.commands() == wanted
    })
    .await;
    wanted.push(command(50, 10));
    write(&[leader], wanted[50].clone()).await;
    until("and goes on by the log", || {
        nodes[1].keeper.commands() == wanted
    })
    .await;
    let left = std::fs::read_dir(nodes[1].directory.path().join("snapshots")).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| name.to_str().unwrap().ends_with(".snapshot")),
        "{names:?}"
    );
}

#[test]
fn a_broken_off_snapshot_goes_on_where_it_ended() {
    let directory = TempDir::new().unwrap();
    let snapshot = proto::RaftSnapshot {
        group: 3,
        last: Some(proto::RaftPoint {
            term: 2,
            node: 1,
            index: 90,
        }),
        bytes: 10,
    };
    let piece = |offset, data: &'static [u8]| proto::RaftSnapshotPiece {
        snapshot: Some(snapshot),
        offset,
        data: Bytes::from_static(data),
    };
    let receiver = SnapshotReceiver::new(directory.path().to_owned());
    assert_eq!(receiver.offer(1, &snapshot).unwrap(), 0);
    assert_eq!(receiver.piece(1, &piece(0, b"0123")).unwrap(), 4);
    // Twice, too early, too long: nothing changes.
    assert_eq!(receiver.piece(1, &piece(0, b"0123")).unwrap(), 4);
    assert_eq!(receiver.piece(1, &piece(6, b"67")).unwrap(), 4);
    assert_eq!(receiver.piece(1, &piece(4, b"456789+")).unwrap(), 4);
    // Another life of the process, and another group's offer.
    let receiver = SnapshotReceiver::new(directory.path().to_owned());
    let other = proto::RaftSnapshot {
        group: 33,
        ..snapshot
    };
    assert_eq!(receiver.offer(1, &other).unwrap(), 0);
    assert_eq!(receiver.offer(1, &snapshot).unwrap(), 4);
    assert!(receiver.complete(1, &snapshot).is_err());
    assert_eq!(receiver.piece(1, &piece(4, b"456789")).unwrap(), 10);
    // Not a snapshot at all: refused and forgotten.
    assert!(receiver.complete(1, &snapshot).is_err());
    assert_eq!(receiver.offer(1, &snapshot).unwrap(), 0);
    // The same place from another leader is another file.
    assert_eq!(receiver.piece(1, &piece(0, b"0123")).unwrap(), 4);
    assert_eq!(receiver.offer(2, &snapshot).unwrap(), 0);
}
