//! How this node comes into its cluster: the ports on which others find it, and whether it begins, waits,
//! joins, or goes on with what its data says. Takes part in nothing itself.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use quorate_control::Addresses;
use rustls::crypto::CryptoProvider;
use tokio::task::JoinHandle;

use super::random;
use crate::admin::{AdminServer, ClusterAccess, Decision, Desk};
use crate::config::{ClusterConfig, Config, Listener, Start};
use crate::data_dir::{self, DataDir, Identity, Notes};
use crate::members::Newcomer;
use crate::peers::{PeerAddress, PeerTls, PeerTlsFiles, Peers};
use crate::raft;
use crate::shutdown::Shutdown;

/// The open ports for other nodes and for operators.
pub(super) struct Entrance {
    /// Streams to and from other nodes.
    pub(super) peers: Peers,
    tls: Option<Arc<PeerTls>>,
    desk: Desk,
    admin: Option<JoinHandle<()>>,
    addresses: Addresses,
}

/// What the groups are started with.
pub(super) struct Entered {
    pub(super) start: raft::Start,
    pub(super) identity: Option<Identity>,
    /// Members that were told of at joining.
    pub(super) known: Vec<PeerAddress>,
    /// Whether the data directory has had a log.
    pub(super) begun: bool,
    /// Where this node is reached.
    pub(super) addresses: Addresses,
}

impl Entrance {
    /// Opens the ports that the configuration names. Peers are refused until the node knows who it is;
    /// operators are told how far it is.
    pub(super) async fn open(config: &Config, ended: Shutdown) -> anyhow::Result<Self> {
        let cluster = &config.cluster;
        let files = cluster.peers.as_ref().and_then(|peers| peers.tls.as_ref());
        let tls = files.map(|files| {
            PeerTls::load(PeerTlsFiles {
                cert: files.cert.clone(),
                key: files.key.clone(),
                ca: files.ca.clone(),
            })
        });
        let tls = tls.transpose()?;
        let peers = Peers::new(tls.clone());
        let mut addresses = Addresses::default();
        if let Some(service) = &cluster.peers {
            let bound = peers.listen(service.listen).await?;
            println!("listening for peers on {bound}");
            addresses.peer = cluster.advertised(bound);
        }
        let desk = Desk::new(&addresses.peer);
        let mut admin = None;
        if let Some(service) = &cluster.admin {
            let server = AdminServer::open(service, desk.clone())?;
            let bound = server.address()?;
            println!("listening for quorate admin on {bound}");
            addresses.admin = reached(cluster, bound);
            admin = Some(tokio::spawn(server.run(ended)));
        }
        let clients = config.listeners.iter().find_map(Listener::address);
        addresses.client = clients.map_or_else(String::new, |address| reached(cluster, address));
        Ok(Self {
            peers,
            tls,
            desk,
            admin,
            addresses,
        })
    }

    /// Finds out how the groups are to be started, which may need somebody's word, or a cluster that answers.
    pub(super) async fn enter(
        &self,
        config: &Config,
        data: &mut DataDir,
        provider: &CryptoProvider,
    ) -> anyhow::Result<Entered> {
        if data.identity.is_some() {
            return Ok(self.go_on(&config.data, data.identity));
        }
        let (ask, promote) = match &config.cluster.start {
            Start::Single => return Ok(self.go_on(&config.data, None)),
            Start::Join(members) => (members.clone(), true),
            Start::Wait => {
                tracing::info!("waiting for quorate admin init or add");
                let ticket = u128::from_le_bytes(random(provider)?);
                match self.desk.decision(&format!("{ticket:032x}")).await {
                    Decision::Begin => return Ok(self.go_on(&config.data, None)),
                    Decision::Join(members) => (members, false),
                }
            }
        };
        let newcomer = Newcomer {
            ask,
            token: u128::from_le_bytes(random(provider)?),
            name: String::new(),
            addresses: self.addresses.clone(),
            promote,
        };
        let joined = newcomer.join(self.tls.as_ref()).await?;
        let identity = Identity {
            cluster_id: joined.cluster,
            node_id: joined.life.node,
        };
        // At once: a node that forgets its id leaves a member behind that never comes back.
        let notes = Notes {
            incarnation: joined.life.incarnation,
            begun: false,
            members: joined.members.clone(),
        };
        data_dir::save_notes(&config.data, &notes)?;
        data.save_identity(identity)?;
        Ok(Entered {
            start: raft::Start::Joined(joined.life),
            known: joined.members,
            ..self.go_on(&config.data, Some(identity))
        })
    }

    /// Waits until the port for operators is closed, after the end has come.
    pub(super) async fn close(self) {
        if let Some(admin) = self.admin
            && let Err(error) = admin.await
        {
            tracing::error!(%error, "the admin service did not end well");
        }
    }

    fn go_on(&self, data: &Path, identity: Option<Identity>) -> Entered {
        Entered {
            start: raft::Start::Single,
            identity,
            known: Vec::new(),
            // The groups note a life down once they have a log.
            begun: data_dir::read_notes(data).begun,
            addresses: self.addresses.clone(),
        }
    }

    /// The node is a member: operators are answered by this from now on.
    pub(super) fn is_member(&self, access: Arc<dyn ClusterAccess>) {
        self.desk.is_member(access);
    }
}

/// Where others reach a port that may be open on every address of this machine.
fn reached(cluster: &ClusterConfig, bound: SocketAddr) -> String {
    let peers = cluster.peers.as_ref().map(|peers| peers.listen.ip());
    match (bound.ip().is_unspecified(), peers) {
        (true, Some(ip)) if !ip.is_unspecified() => {
            cluster.advertised(SocketAddr::new(ip, bound.port()))
        }
        _ => cluster.advertised(bound),
    }
}
