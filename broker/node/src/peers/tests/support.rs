//! Nodes for the tests, and what they say to each other.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use quorate_proto::peer::Chunk;
use quorate_proto::peer::peer_client::PeerClient;

use crate::peers::{
    Block, CallError, Handler, Identity, Kind, Lane, PeerAddress, PeerTls, Peers, Refusal, Replier,
    Sender,
};

pub(super) const CLUSTER: u128 = 0x5150;
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers `Status` calls with the body, keeps `Operate` calls unanswered, and notes what came.
#[derive(Default)]
pub(super) struct Echo {
    pub(super) came: Mutex<Vec<(Sender, Bytes)>>,
    pub(super) kept: Mutex<Vec<Replier>>,
    pub(super) ended: Mutex<Vec<(u64, Lane)>>,
}

impl Handler for Echo {
    fn handle(&self, from: Sender, kind: Kind, body: Bytes, reply: Replier) {
        self.came.lock().unwrap().push((from, body.clone()));
        if kind == Kind::Operate {
            self.kept.lock().unwrap().push(reply);
        } else {
            reply.send(body);
        }
    }

    fn ended(&self, from: u64, lane: Lane) {
        self.ended.lock().unwrap().push((from, lane));
    }
}

pub(super) struct Node {
    pub(super) peers: Peers,
    pub(super) at: PeerAddress,
    pub(super) echo: Arc<Echo>,
}

pub(super) fn identity(node: u64, incarnation: u64) -> Identity {
    Identity {
        cluster: CLUSTER,
        node,
        incarnation,
    }
}

impl Node {
    pub(super) async fn start(id: Identity, tls: Option<Arc<PeerTls>>, address: &str) -> Self {
        let peers = Peers::new(tls);
        let echo = Arc::new(Echo::default());
        peers.register(Block::Admin, Arc::clone(&echo) as _);
        let bound = peers.listen(address.parse().unwrap()).await.unwrap();
        peers.set_identity(id);
        Self {
            peers,
            at: PeerAddress {
                node: id.node,
                address: bound.to_string(),
            },
            echo,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.at.address.parse().unwrap()
    }

    pub(super) async fn connected(&self, to: u64) {
        self.until(|peers| peers.state().borrow().is_connected(to))
            .await;
    }

    pub(super) async fn disconnected(&self, from: u64) {
        self.until(|peers| !peers.state().borrow().is_connected(from))
            .await;
    }

    /// Waits for what is true of the peers at some time.
    pub(super) async fn until(&self, is_true: impl Fn(&Peers) -> bool) {
        let mut state = self.peers.state();
        let waiting = async {
            while !is_true(&self.peers) {
                let _ = tokio::time::timeout(Duration::from_millis(20), state.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }

    pub(super) async fn refuses(&self, refusal: Refusal) {
        self.until(|peers| peers.stats().refused(refusal) > 0).await;
    }

    pub(super) async fn ask(&self, to: u64, body: &'static str) -> Result<Bytes, CallError> {
        let body = Bytes::from_static(body.as_bytes());
        self.peers
            .call(to, Lane::Append, Kind::Status, body, DEADLINE)
            .await
    }
}

/// Starts nodes 1 to `count` that know each other and waits until all are connected.
pub(super) async fn cluster(count: u64, tls: Option<&Arc<PeerTls>>) -> Vec<Node> {
    let mut nodes = Vec::new();
    for node in 1..=count {
        nodes.push(Node::start(identity(node, node), tls.cloned(), "127.0.0.1:0").await);
    }
    let members: Vec<_> = nodes.iter().map(|node| node.at.clone()).collect();
    for node in &nodes {
        node.peers.set_members(members.clone());
    }
    for node in &nodes {
        for other in &nodes {
            if other.at.node != node.at.node {
                node.connected(other.at.node).await;
            }
        }
    }
    nodes
}

pub(super) fn chunk(id: Identity, receiver: u64, frames: &'static [u8]) -> Chunk {
    Chunk {
        cluster: id.cluster.to_be_bytes().to_vec().into(),
        sender: id.node,
        receiver,
        incarnation: id.incarnation,
        frames: Bytes::from_static(frames),
        lane: 1,
    }
}

/// Opens a stream by hand, writes these chunks, and reads until it ends: how it ended.
pub(super) async fn by_hand(address: SocketAddr, chunks: Vec<Chunk>) -> Result<(), tonic::Status> {
    let mut client = PeerClient::connect_to(address).await;
    let (sending, receiver) = tokio::sync::mpsc::channel(chunks.len().max(1));
    for chunk in chunks {
        sending.send(chunk).await.unwrap();
    }
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut incoming = client.lane(outgoing).await?.into_inner();
    while incoming.message().await?.is_some() {}
    drop(sending);
    Ok(())
}

trait ConnectTo {
    async fn connect_to(address: SocketAddr) -> PeerClient<tonic::transport::Channel>;
}

impl ConnectTo for PeerClient<tonic::transport::Channel> {
    async fn connect_to(address: SocketAddr) -> Self {
        let uri = format!("http://{address}");
        let endpoint = tonic::transport::Endpoint::from_shared(uri).unwrap();
        Self::new(endpoint.connect().await.unwrap())
    }
}
