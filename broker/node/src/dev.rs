//! A cluster on this machine, to try things out: several nodes as child processes on loopback. Restarts
//! nothing by itself: what happens to a node is news, and for people to see.

mod child;
mod limits;
mod news;
mod ports;
mod ready;
mod welcome;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use futures::future::join_all;
use tokio::time::{Instant, sleep};

use crate::admin::{View, look};
use crate::shutdown::Signals;
use child::Child;
use limits::{NEWS_INTERVAL, VOTES_WAIT};
use news::{Nodes, Picture};

pub use ports::Ports;

/// Nodes at most: the design's bound on voters.
pub const NODES_MAX: u16 = 7;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Nodes, 2 to [`NODES_MAX`].
    pub nodes: u16,
    /// Parent of the nodes' data directories.
    pub data: PathBuf,
    /// MQTT port of node 1.
    pub base_port: u16,
}

/// Runs the nodes until a signal ends them.
///
/// # Errors
/// Whatever keeps them from starting, as a sentence.
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut signals = Signals::watch().context("watching for signals")?;
        let mut children = start(plan)?;
        let ended = tokio::select! {
            done = go_on(plan, &mut children) => done,
            _ = signals.next() => Ok(()),
        };
        println!("ending {} nodes", children.len());
        join_all(children.iter_mut().map(Child::end)).await;
        ended
    })
}

/// Starts all nodes. The first begins the cluster if none of them has data; those without data join the
/// others.
fn start(plan: &Plan) -> anyhow::Result<Vec<Child>> {
    let has_data = |node: u16| plan.directory(node).join("meta").exists();
    let is_fresh = !(1..=plan.nodes).any(has_data);
    let mut children = Vec::new();
    for node in 1..=plan.nodes {
        let entry = match (has_data(node), is_fresh && node == 1) {
            (true, _) => Entry::Member,
            (false, true) => Entry::Begins,
            (false, false) => Entry::Joins(plan.peers_of(node)),
        };
        children.push(Child::start(plan, node, &entry)?);
    }
    Ok(children)
}

/// How a node comes into the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// It makes it.
    Begins,
    /// It asks the nodes at these peer addresses.
    Joins(String),
    /// Its data says where it belongs.
    Member,
}

impl Plan {
    fn ports(&self, node: u16) -> Ports {
        Ports::of(self.base_port, node)
    }

    fn directory(&self, node: u16) -> PathBuf {
        self.data.join(format!("node-{node}"))
    }

    fn log(&self, node: u16) -> PathBuf {
        self.data.join(format!("node-{node}.log"))
    }

    /// Peer addresses of all other nodes.
    fn peers_of(&self, node: u16) -> String {
        let others = (1..=self.nodes).filter(|other| *other != node);
        let addresses = others.map(|other| format!("127.0.0.1:{}", self.ports(other).peers));
        addresses.collect::<Vec<_>>().join(",")
    }

    fn admin(&self, node: u16) -> String {
        format!("127.0.0.1:{}", self.ports(node).admin)
    }

    /// Which of our nodes has which id in the cluster.
    fn names(&self, view: &View) -> Nodes {
        let numbers = (1..=self.nodes).map(|node| (self.admin(node), node));
        let numbers: BTreeMap<String, u16> = numbers.collect();
        let members = view.members().iter();
        let ours = members.filter_map(|member| {
            let number = numbers.get(&member.admin_address)?;
            Some((member.node, *number))
        });
        Nodes::new(ours.collect())
    }

    /// The cluster, as the first node tells that answers.
    async fn look(&self) -> Option<View> {
        for node in 1..=self.nodes {
            if let Ok(view) = look(&self.admin(node), None).await
                && view.asked.node != 0
            {
                return Some(view);
            }
        }
        None
    }
}

/// Waits until the nodes are ready, says what to try, and then what happens.
async fn go_on(plan: &Plan, children: &mut [Child]) -> anyhow::Result<()> {
    ready::wait(children).await?;
    let view = wait_for_votes(plan).await;
    print!("{}", welcome::table(plan, children, view.as_ref()));
    print!("{}", welcome::hints(plan));
    println!("ready");
    tell_news(plan, children, view).await
}

/// Newcomers get their votes by themselves; a moment for it makes the table say so.
async fn wait_for_votes(plan: &Plan) -> Option<View> {
    let end = Instant::now() + VOTES_WAIT;
    loop {
        let view = plan.look().await;
        let voters = view.as_ref().map_or(0, news::voters);
        if voters >= usize::from(plan.nodes) || Instant::now() >= end {
            return view;
        }
        sleep(NEWS_INTERVAL).await;
    }
}

async fn tell_news(plan: &Plan, children: &mut [Child], view: Option<View>) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut known = view.map(|view| Picture::of(&view, &plan.names(&view)));
    loop {
        sleep(NEWS_INTERVAL).await;
        let mut lines: Vec<String> = children.iter_mut().filter_map(Child::news).collect();
        let now = plan
            .look()
            .await
            .map(|view| Picture::of(&view, &plan.names(&view)));
        lines.extend(news::between(known.as_ref(), now.as_ref()));
        known = now;
        for line in lines {
            println!("{:>5} s  {line}", begin.elapsed().as_secs());
        }
        if children.iter().all(Child::has_ended) && known.is_none() {
            anyhow::bail!("all nodes have ended");
        }
    }
}
