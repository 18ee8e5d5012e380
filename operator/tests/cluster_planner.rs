//! The planner with real nodes: the binary `quorate` in processes of its own, with certificates of the operator's
//! making, asked and changed over the admin service. No Kubernetes: pods are processes, volumes are directories.

#![allow(clippy::unwrap_used, reason = "a test ends with what it meets")]

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use quorate_operator::broker_admin::{Address, AdminError, Identity, Nodes};
use quorate_operator::membership::{
    Holds, Next, Observed, Plan, PodSeen, PodState, Standing, plan,
};
use quorate_operator::tls::{self, Wanted, Which};

/// An election, a lease's end and what groups need to follow, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    data: PathBuf,
    mqtt: u16,
    address: Address,
    child: Option<Child>,
    state: PodState,
}

struct Pods {
    root: tempfile::TempDir,
    nodes: Vec<Node>,
    asks: Nodes,
    /// What the resource's status remembers.
    status: Option<String>,
    voters: usize,
    /// Steps that were carried out.
    steps: Vec<&'static str>,
}

/// Whether clusters are to be tested: they take both cores for some seconds each.
fn is_wanted() -> bool {
    let wanted = std::env::var_os("QUORATE_CLUSTER").is_some_and(|value| value != "0");
    if !wanted {
        println!("skipped: set QUORATE_CLUSTER=1 for the tests of a cluster");
    }
    wanted
}

fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("QUORATE_BIN") {
        return path.into();
    }
    let here = std::env::current_exe().expect("this test is a file");
    let target = here.ancestors().nth(3).expect("target/PROFILE/deps/test");
    let candidates = ["release", "debug"].map(|profile| target.join(profile).join("quorate"));
    let found = candidates.into_iter().find(|path| path.exists());
    found.expect("no binary: run cargo build --package quorate-node, or set QUORATE_BIN")
}

fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

impl Pods {
    fn new(voters: usize) -> Self {
        let wanted = Wanted {
            cluster: "demo".to_owned(),
            nodes: tls::node_names("demo", "demo-nodes", "iot"),
            clients: None,
        };
        let plan = tls::plan(&wanted, &Default::default(), SystemTime::now()).unwrap();
        let operator = &plan.secrets[&Which::Operator];
        let asks = Nodes::new(&Identity {
            cert: operator["tls.crt"].clone(),
            key: operator["tls.key"].clone(),
            bundle: operator["ca.crt"].clone(),
        });
        let root = tempfile::tempdir().unwrap();
        for (file, content) in &plan.secrets[&Which::Nodes] {
            std::fs::write(root.path().join(file), content).unwrap();
        }
        let mut pods = Self {
            root,
            nodes: Vec::new(),
            asks: asks.unwrap(),
            status: None,
            voters: 0,
            steps: Vec::new(),
        };
        pods.scale(voters);
        pods
    }

    fn scale(&mut self, voters: usize) {
        self.voters = voters;
        while self.nodes.len() < voters {
            let peers = port();
            self.nodes.push(Node {
                data: self.root.path().join(format!("data-{}", self.nodes.len())),
                mqtt: port(),
                address: Address {
                    host: "127.0.0.1".to_owned(),
                    ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    port: port(),
                    peer_address: format!("127.0.0.1:{peers}"),
                },
                child: None,
                state: PodState::Running,
            });
            self.start(self.nodes.len() - 1);
        }
    }

    fn start(&mut self, ordinal: usize) {
        let file = |name: &str| self.root.path().join(name);
        let node = &self.nodes[ordinal];
        let log = std::fs::File::create(file(&format!("log-{ordinal}"))).unwrap();
        let mut command = Command::new(binary());
        command.args(["serve", "--allow-anonymous", "--bootstrap", "wait"]);
        command.arg("--data").arg(&node.data);
        command.args(["--listen", &format!("mqtt://127.0.0.1:{}", node.mqtt)]);
        command.args(["--peers-listen", &node.address.peer_address]);
        command.args([
            "--admin-listen",
            &format!("127.0.0.1:{}", node.address.port),
        ]);
        for name in ["peers", "admin"] {
            command
                .arg(format!("--{name}-cert"))
                .arg(file(&format!("{name}.crt")));
            command
                .arg(format!("--{name}-key"))
                .arg(file(&format!("{name}.key")));
            command
                .arg(format!("--{name}-ca"))
                .arg(file(&format!("{name}-ca.crt")));
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.nodes[ordinal].child = Some(command.spawn().unwrap());
    }

    /// As a container that is killed.
    fn kill(&mut self, ordinal: usize) {
        let mut child = self.nodes[ordinal].child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn wipe(&mut self, ordinal: usize) {
        std::fs::remove_dir_all(&self.nodes[ordinal].data).unwrap();
    }

    async fn look(&self) -> Plan {
        let addresses = self.addresses();
        let told = self.asks.ask_all(&addresses).await;
        let pods = self.nodes.iter().zip(told).enumerate();
        let pods = pods.map(|(ordinal, (node, told))| PodSeen {
            ordinal,
            name: format!("demo-{ordinal}"),
            peer_address: node.address.peer_address.clone(),
            state: node.state.clone(),
            told,
        });
        plan(&Observed {
            voters: self.voters,
            cluster: self.status.clone(),
            pods: pods.collect(),
        })
    }

    fn addresses(&self) -> Vec<Address> {
        self.nodes.iter().map(|node| node.address.clone()).collect()
    }

    /// What an operator does, until a look is as wanted.
    async fn until(&mut self, what: &str, is: impl Fn(&Plan) -> bool) -> Plan {
        let end = Instant::now() + PATIENCE;
        loop {
            let plan = self.look().await;
            if is(&plan) {
                return plan;
            }
            assert!(
                Instant::now() < end,
                "{what} was not reached: {plan:#?}\n{}",
                self.logs()
            );
            if let Next::Record { cluster } = &plan.next {
                self.status = Some(cluster.clone());
            }
            let is_step = !matches!(plan.next, Next::Nothing | Next::Wait | Next::Stuck);
            // tidy: sleep: between two looks at nodes, bounded by PATIENCE
            let pause = tokio::time::sleep(Duration::from_millis(100));
            match self.asks.carry_out(&plan.next, &self.addresses()).await {
                Ok(_) if is_step => self.steps.push(plan.next.name()),
                Ok(_) => pause.await,
                Err(error) => println!("{}: {error}", plan.next.name()),
            }
        }
    }

    async fn formed(&mut self) -> Plan {
        self.until("a stable cluster", |plan| {
            plan.next == Next::Nothing && plan.is_stable()
        })
        .await
    }

    fn steps(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.steps)
    }

    fn logs(&self) -> String {
        let logs = (0..self.nodes.len()).map(|ordinal| {
            let path = self.root.path().join(format!("log-{ordinal}"));
            let text = std::fs::read_to_string(path).unwrap_or_default();
            format!("--- demo-{ordinal}\n{text}")
        });
        logs.collect()
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ids(plan: &Plan) -> Vec<u64> {
    plan.summary
        .members
        .iter()
        .map(|member| member.node)
        .collect()
}

#[tokio::test]
async fn a_cluster_is_formed_grows_and_has_a_lost_volume_replaced() {
    if !is_wanted() {
        return;
    }
    let begun = Instant::now();
    let mut pods = Pods::new(3);
    let plan = pods.formed().await;
    println!("three voters after {:?}", begun.elapsed());
    assert_eq!(
        pods.steps(),
        ["initialise", "record", "add", "add", "promote", "promote"]
    );
    assert_eq!(plan.summary.leader.as_deref(), Some("demo-0"));
    let (first, cluster) = (ids(&plan), pods.status.clone());

    // The status is lost: the same cluster is found again.
    pods.status = None;
    pods.formed().await;
    assert_eq!(pods.steps(), ["record"]);
    assert_eq!(pods.status, cluster);

    // A member that was killed comes back as itself.
    pods.kill(1);
    let down = |plan: &Plan| plan.standing["demo-1"] == Standing::Dead;
    let plan = pods.until("demo-1 is dead", down).await;
    assert!(!plan.is_stable());
    assert_eq!(plan.quorum.holds, Holds::True);
    pods.start(1);
    let plan = pods.formed().await;
    assert_eq!(ids(&plan), first);
    assert_eq!(pods.steps(), [] as [&str; 0]);

    // One that has lost its volume is another member afterwards.
    pods.kill(2);
    pods.wipe(2);
    pods.start(2);
    let plan = pods.formed().await;
    assert_eq!(pods.steps(), ["remove", "add", "promote"]);
    assert_eq!(ids(&plan)[..2], first[..2]);
    assert!(ids(&plan)[2] > first[2]);

    pods.scale(5);
    let plan = pods.formed().await;
    assert_eq!(pods.steps(), ["add", "add", "promote", "promote"]);
    assert_eq!(plan.summary.members.len(), 5);
    println!("all of it after {:?}", begun.elapsed());
}

#[tokio::test]
async fn without_a_majority_nothing_is_done_and_retained_volumes_are_taken_over() {
    if !is_wanted() {
        return;
    }
    let mut pods = Pods::new(3);
    pods.formed().await;
    let cluster = pods.status.clone();
    pods.steps();

    // All pods are gone and a new resource knows nothing.
    (0..3).for_each(|ordinal| pods.kill(ordinal));
    pods.status = None;
    let plan = pods.look().await;
    assert_eq!(
        (plan.next, plan.membership.reason),
        (Next::Wait, "WaitingForPods")
    );
    (0..3).for_each(|ordinal| pods.start(ordinal));
    pods.formed().await;
    assert_eq!(pods.steps(), ["record"]);
    assert_eq!(pods.status, cluster);

    // Two of three are lost for good.
    pods.kill(1);
    pods.kill(2);
    let lonely = |plan: &Plan| plan.quorum.reason == "NoQuorum";
    pods.until("no majority", lonely).await;
    for ordinal in [1, 2] {
        pods.wipe(ordinal);
        pods.start(ordinal);
    }
    let lost = |plan: &Plan| plan.quorum.reason == "QuorumLost";
    let plan = pods.until("a majority is lost", lost).await;
    assert!(
        plan.quorum.message.contains("demo-0"),
        "{}",
        plan.quorum.message
    );
    assert_eq!(pods.steps(), [] as [&str; 0]);

    // And then the last one: no second cluster begins over what the status remembers.
    pods.kill(0);
    pods.wipe(0);
    pods.start(0);
    let empty = |plan: &Plan| plan.quorum.reason == "VolumesLost";
    let plan = pods.until("all volumes are lost", empty).await;
    assert_eq!(plan.next, Next::Stuck);
    assert_eq!(pods.steps(), [] as [&str; 0]);
}

#[tokio::test]
async fn leaders_leave_an_ending_pod_and_a_stale_operator_is_refused() {
    if !is_wanted() {
        return;
    }
    let mut pods = Pods::new(3);
    let plan = pods.formed().await;
    pods.steps();
    let leader = plan.summary.leader.clone().unwrap();
    let ordinal: usize = leader.trim_start_matches("demo-").parse().unwrap();
    pods.nodes[ordinal].state = PodState::Ending;
    let moved = |plan: &Plan| {
        plan.summary
            .leader
            .as_ref()
            .is_some_and(|now| *now != leader)
    };
    pods.until("the leader moves", moved).await;
    assert_eq!(pods.steps(), ["drain"]);
    pods.nodes[ordinal].state = PodState::Running;
    pods.formed().await;
    assert_eq!(pods.steps(), ["undrain"]);

    // What another operator decided before is not done any more.
    pods.kill(2);
    pods.wipe(2);
    pods.start(2);
    let removes = |plan: &Plan| matches!(plan.next, Next::Remove(_));
    let old = pods.until("a removal", removes).await;
    let adds = |plan: &Plan| matches!(plan.next, Next::Add { .. });
    let add = pods.until("a newcomer", adds).await;
    let stale = pods.asks.carry_out(&old.next, &pods.addresses()).await;
    assert!(matches!(stale, Err(AdminError::Stale { .. })), "{stale:?}");
    pods.kill(2);
    pods.start(2);
    pods.until("a newcomer", |plan| adds(plan) && plan.next != add.next)
        .await;
    let late = pods.asks.carry_out(&add.next, &pods.addresses()).await;
    assert!(matches!(late, Err(AdminError::Refused(_))), "{late:?}");
    pods.formed().await;
}
