//! Real nodes as processes that form a cluster, on loopback or each in a network namespace of its own.
//! Starts, breaks and repairs them; judges nothing. Knows the broker by its command line only.

mod admin;
mod certificates;
pub mod lock;
pub mod network;
mod node;
mod slow_line;
mod status;

use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::endpoint::Endpoint;
use crate::wait;

pub use admin::Admin;
pub use certificates::Certificates;
use lock::Lock;
use network::Network;
pub use node::{Node, Start};
pub use status::{Group, Member, Status};

/// How long a cluster may take until it is whole: two busy cores.
const WHOLE_MAX: Duration = Duration::from_secs(30);

/// Data directories begin with this, so that left-over processes are found.
const PREFIX: &str = "quorate-e2e-cluster-";

/// Where the nodes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// All on loopback, without certificates.
    Loopback,
    /// Each in a network namespace of its own, with certificates; lines between them can be cut.
    Namespaces,
}

/// What cluster is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many nodes.
    pub size: usize,
    /// Where.
    pub place: Place,
    /// More arguments of every node.
    pub arguments: Vec<String>,
    /// Environment of every node.
    pub environment: Vec<(String, String)>,
    /// Where their directories are made, if not where temporary files are.
    pub disk: Option<PathBuf>,
}

impl Options {
    /// Three nodes.
    pub fn three(place: Place) -> Self {
        Self {
            size: 3,
            place,
            arguments: Vec::new(),
            environment: Vec::new(),
            disk: None,
        }
    }
}

/// A cluster. Nodes are numbered from 1, as in its network; their ids are the cluster's own affair.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: processes, network, files, and last the lock.
    nodes: Vec<Node>,
    network: Option<Network>,
    certificates: Option<Certificates>,
    options: Options,
    directory: TempDir,
    _lock: Lock,
}

/// Runs the body against a fresh cluster; an error comes with the state of the nodes and the ends of
/// their logs. Does nothing, and says so, where cluster tests are not wanted or not possible.
///
/// # Errors
/// The body's, that the cluster does not come up, or that a node panicked.
pub fn with_cluster(options: Options, body: impl FnOnce(&mut Cluster) -> Result<()>) -> Result<()> {
    if let Some(reason) = obstacle(options.place) {
        println!("skipped: {reason}");
        return Ok(());
    }
    let mut cluster = Cluster::prepare(options)?;
    let result = cluster.begin().and_then(|()| body(&mut cluster));
    let result = result.and_then(|()| cluster.no_node_panicked());
    result.map_err(|error| anyhow::anyhow!("{error:#}\n\n{}", cluster.report()))
}

/// Why no cluster can be tested here, if so.
pub fn obstacle(place: Place) -> Option<String> {
    let wanted = env::var_os("QUORATE_CLUSTER").is_some_and(|value| value != "0");
    if !wanted {
        return Some("set QUORATE_CLUSTER=1 for the tests of a cluster".to_owned());
    }
    match place {
        Place::Loopback => None,
        Place::Namespaces => Network::obstacle(),
    }
}

impl Cluster {
    /// Directories, ports and the network of a cluster of which nothing runs yet.
    ///
    /// # Errors
    /// When there are none.
    pub fn prepare(options: Options) -> Result<Self> {
        let lock = Lock::take()?;
        node::end_left_overs(PREFIX);
        let disk = options.disk.clone().unwrap_or_else(env::temp_dir);
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(disk)?;
        let network = match options.place {
            Place::Loopback => None,
            Place::Namespaces => Some(Network::new()?),
        };
        let mut cluster = Self {
            nodes: Vec::new(),
            network,
            certificates: None,
            options,
            directory,
            _lock: lock,
        };
        for _ in 0..cluster.options.size {
            cluster.prepare_node()?;
        }
        Ok(cluster)
    }

    /// One more node that does not run yet; gives its number.
    ///
    /// # Errors
    /// When there is no place for it.
    pub fn prepare_node(&mut self) -> Result<usize> {
        let number = self.nodes.len() + 1;
        if let Some(network) = &mut self.network {
            network.add(number)?;
            let folder = self.directory.path().join("certificates");
            let address = Network::address(number);
            self.certificates = Some(Certificates::make(&folder, number, address)?);
        }
        let node = Node::prepare(
            number,
            self.directory.path(),
            &self.options,
            self.certificates.as_ref(),
        )?;
        self.nodes.push(node);
        Ok(number)
    }

    /// Starts the first node as a cluster of one and the others to join it; waits until it is whole.
    ///
    /// # Errors
    /// When it does not become whole.
    pub fn begin(&mut self) -> Result<()> {
        let began = Instant::now();
        let first = self.node(1).peers_address();
        self.node_mut(1).launch(&Start::Single)?;
        for number in 2..=self.nodes.len() {
            let join = Start::Join(vec![first.clone()]);
            self.node_mut(number).launch(&join)?;
        }
        self.whole()?;
        println!(
            "{} nodes whole after {:.1?}",
            self.nodes.len(),
            began.elapsed()
        );
        Ok(())
    }

    /// The node of that number.
    ///
    /// # Panics
    /// When there is none: the test is wrong.
    pub fn node(&self, number: usize) -> &Node {
        &self.nodes[number - 1]
    }

    /// The node of that number.
    ///
    /// # Panics
    /// When there is none: the test is wrong.
    pub fn node_mut(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number - 1]
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where clients reach the nodes, in the order of their numbers.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.nodes.iter().map(|node| node.mqtt).collect()
    }

    /// The lines between the nodes.
    ///
    /// # Errors
    /// When the nodes are on loopback.
    pub fn network(&mut self) -> Result<&mut Network> {
        self.network
            .as_mut()
            .context("no network: this cluster is on loopback")
    }

    /// The certificates, where there are any.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// A directory that lives as long as the cluster's value.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Waits until every running node is ready, votes, holds its lease, and every group has a leader.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn whole(&mut self) -> Result<()> {
        self.whole_within(WHOLE_MAX)
    }

    /// As [`Self::whole`], with a patience of its own.
    ///
    /// # Errors
    /// When that does not happen in time, or a node ends.
    pub fn whole_within(&mut self, limit: Duration) -> Result<()> {
        let mut hindrance = String::new();
        let waited = wait::until("the cluster to be whole", limit, || {
            match self.hindrance() {
                Ok(None) => return Some(Ok(())),
                Ok(Some(what)) => hindrance = what,
                Err(error) => return Some(Err(error)),
            }
            // Each look asks several processes; a busy poll would keep the nodes from their work.
            wait::pass(Duration::from_millis(30));
            None
        });
        waited.with_context(|| hindrance)?
    }

    /// Waits until it is whole and the shards' leaders are spread, so that from now on no leader changes
    /// unless something happens.
    ///
    /// # Errors
    /// When that does not happen in time.
    pub fn calm(&mut self) -> Result<Status> {
        self.whole()?;
        let nodes = self.nodes.iter().filter(|node| node.runs()).count();
        let mut last = None;
        let waited = wait::until("the leaders to be spread", WHOLE_MAX, || {
            wait::pass(Duration::from_millis(50));
            let status = self.status().ok()?;
            let is_spread = status.is_spread(nodes);
            last = Some(status);
            is_spread.then_some(())
        });
        waited.with_context(|| format!("{:?}", last.as_ref().map(Status::shard_leaders)))?;
        last.context("no status")
    }

    /// What the cluster lacks; an error when a node has ended that nobody ended.
    fn hindrance(&mut self) -> Result<Option<String>> {
        for node in &mut self.nodes {
            if let Some(status) = node.has_ended() {
                bail!("node {} ended with {status}", node.number());
            }
            if node.runs() && !node.is_ready() {
                return Ok(Some(format!("node {} is not ready", node.number())));
            }
        }
        let running: Vec<&Node> = self.nodes.iter().filter(|node| node.runs()).collect();
        let status = match self.status() {
            Ok(status) => status,
            Err(error) => return Ok(Some(format!("{error:#}"))),
        };
        Ok(status.hindrance(&running))
    }

    /// What the first running node that answers says of the cluster.
    ///
    /// # Errors
    /// When none answers.
    pub fn status(&self) -> Result<Status> {
        let mut last = anyhow::anyhow!("no node runs");
        for node in self.nodes.iter().filter(|node| node.runs()) {
            match self.admin(node.number()).status() {
                Ok(status) => return Ok(status),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The admin command, aimed at a node.
    pub fn admin(&self, number: usize) -> Admin<'_> {
        Admin::of(self.node(number), self.certificates.as_ref())
    }

    /// The number of a node id.
    ///
    /// # Errors
    /// When no node of ours has that id.
    pub fn number_of(&self, id: u64) -> Result<usize> {
        let status = self.status()?;
        let address = status.member(id).map(|member| member.peer_address.clone());
        let node = self
            .nodes
            .iter()
            .find(|node| Some(node.peers_address()) == address);
        node.map(Node::number)
            .with_context(|| format!("no node has id {id}: {status:?}"))
    }

    /// The id of a node.
    ///
    /// # Errors
    /// When it is no member.
    pub fn id_of(&self, number: usize) -> Result<u64> {
        let address = self.node(number).peers_address();
        let status = self.status()?;
        let member = status
            .members
            .iter()
            .find(|member| member.peer_address == address);
        member
            .map(|member| member.id)
            .with_context(|| format!("node {number} is no member: {status:?}"))
    }

    /// The number of the node that leads most groups.
    ///
    /// # Errors
    /// When nobody leads.
    pub fn leader_of_most(&self) -> Result<usize> {
        let status = self.status()?;
        self.number_of(status.leader_of_most().context("no group has a leader")?)
    }

    /// Starts a node again on its data, as it was started, and does not wait.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn restart(&mut self, number: usize) -> Result<()> {
        self.node_mut(number).relaunch()
    }

    /// Empties a node that does not run and starts it to join the others; does not wait.
    ///
    /// # Errors
    /// When its data cannot be removed, or there is no other node.
    pub fn wipe_and_join(&mut self, number: usize) -> Result<()> {
        self.node_mut(number).wipe()?;
        self.join(number)
    }

    /// Starts a node with an empty disk to join the others; does not wait.
    ///
    /// # Errors
    /// When there is no other node.
    pub fn join(&mut self, number: usize) -> Result<()> {
        let others: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| node.number() != number && node.runs())
            .map(Node::peers_address)
            .collect();
        ensure!(!others.is_empty(), "there is nobody to join");
        self.node_mut(number).launch(&Start::Join(others))
    }

    fn no_node_panicked(&self) -> Result<()> {
        let panicked = self
            .nodes
            .iter()
            .find(|node| node.log().contains("panicked at"));
        match panicked {
            Some(node) => bail!("node {} panicked", node.number()),
            None => Ok(()),
        }
    }

    /// The state of the nodes and the ends of their logs, for a failure.
    fn report(&self) -> String {
        let status = self.status().map_or_else(
            |error| format!("no status: {error:#}"),
            |status| format!("{status:#?}"),
        );
        let logs: Vec<String> = self.nodes.iter().map(Node::log_tail).collect();
        format!("{status}\n\n{}", logs.join("\n\n"))
    }
}

/// The binary under test, by its full path.
fn binary() -> Result<PathBuf> {
    let binary = crate::broker::binary()?;
    std::fs::canonicalize(&binary).with_context(|| binary.display().to_string())
}
