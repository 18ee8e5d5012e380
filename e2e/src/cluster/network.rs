//! A network for one test: a namespace for each node, joined by a routing namespace (the switch) in which
//! lines are cut and slowed; the test itself stands outside and reaches every node whatever is cut.
//!
//! ```text
//!   test 10.78.0.2 ──┐
//!   node 1 .0.11 ────┤ switch 10.78.0.1: a rule "from A to B" is a one-way cut,
//!   node 2 .0.12 ────┤                   a rule into a tunnel is a slow line
//!   node 3 .0.13 ────┘
//! ```
//! A cut drops packets without a word, as a broken line does. Needs root and iproute2, nothing else: no
//! packet filter and no netem, which many kernels lack. Knows nothing of brokers.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use super::slow_line::SlowLine;

/// All our namespaces and devices begin with this, so that left-overs are found.
const PREFIX: &str = "qre2e-";
const SWITCH: &str = "qre2e-switch";
/// The test's own end of its line to the switch, in the namespace the test runs in.
const TEST_DEVICE: &str = "qre2e-test";
const SWITCH_ADDRESS: &str = "10.78.0.1";
const TEST_ADDRESS: &str = "10.78.0.2";

/// Rules before the one that looks up all others, at 32 766.
const CUT_PREFERENCE: &str = "100";

/// The network of one test; gone when dropped, with every process in it.
#[derive(Debug)]
pub struct Network {
    nodes: Vec<usize>,
    /// Lines that are cut, from node to node.
    cuts: Vec<(usize, usize)>,
    slow_lines: Vec<SlowLine>,
}

impl Network {
    /// Why no network can be made here, if so.
    pub fn obstacle() -> Option<String> {
        let probe = format!("{PREFIX}probe");
        let attempt = ip(&["netns", "add", &probe]).and_then(|()| ip(&["netns", "del", &probe]));
        attempt.err().map(|error| {
            format!("network namespaces are not permitted here (root is needed): {error:#}")
        })
    }

    /// The switch and the test's line to it; removes what an earlier run left behind.
    ///
    /// # Errors
    /// When namespaces are not permitted.
    pub fn new() -> Result<Self> {
        remove_all();
        ip(&["netns", "add", SWITCH])?;
        let network = Self {
            nodes: Vec::new(),
            cuts: Vec::new(),
            slow_lines: Vec::new(),
        };
        in_switch(&["link", "set", "lo", "up"])?;
        // A packet that comes back from a slow line comes from where its answer would not go.
        for setting in [
            "ip_forward=1",
            "conf/all/rp_filter=0",
            "conf/default/rp_filter=0",
        ] {
            let (name, value) = setting.split_once('=').context("a setting")?;
            let script = format!("echo {value} > /proc/sys/net/ipv4/{name}");
            run(Command::new("ip").args(["netns", "exec", SWITCH, "sh", "-c", &script]))?;
        }
        ip(&[
            "link",
            "add",
            TEST_DEVICE,
            "type",
            "veth",
            "peer",
            "name",
            "test",
            "netns",
            SWITCH,
        ])?;
        in_switch(&["addr", "add", &format!("{SWITCH_ADDRESS}/32"), "dev", "lo"])?;
        in_switch(&["link", "set", "test", "up"])?;
        in_switch(&[
            "route",
            "add",
            TEST_ADDRESS,
            "dev",
            "test",
            "src",
            SWITCH_ADDRESS,
        ])?;
        ip(&[
            "addr",
            "add",
            &format!("{TEST_ADDRESS}/32"),
            "dev",
            TEST_DEVICE,
        ])?;
        ip(&["link", "set", TEST_DEVICE, "up"])?;
        let route = ["10.78.0.0/24", "via", SWITCH_ADDRESS, "src", TEST_ADDRESS];
        ip(&[
            "route",
            "add",
            SWITCH_ADDRESS,
            "dev",
            TEST_DEVICE,
            "src",
            TEST_ADDRESS,
        ])?;
        ip(&[&["route", "add"], &route[..]].concat())?;
        Ok(network)
    }

    /// The address of a node.
    pub fn address(node: usize) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 78, 0, 10 + node as u8))
    }

    /// A namespace for a node and its line to the switch.
    ///
    /// # Errors
    /// When it is there already.
    pub fn add(&mut self, node: usize) -> Result<()> {
        let (namespace, line) = (namespace(node), line(node));
        let address = Self::address(node).to_string();
        ip(&["netns", "add", &namespace])?;
        self.nodes.push(node);
        let peer = ["peer", "name", &line, "netns", SWITCH];
        ip(&[
            &["-n", &namespace, "link", "add", "eth0", "type", "veth"],
            &peer[..],
        ]
        .concat())?;
        let inside = |arguments: &[&str]| ip(&[&["-n", &namespace], arguments].concat());
        inside(&["addr", "add", &format!("{address}/32"), "dev", "eth0"])?;
        inside(&["link", "set", "lo", "up"])?;
        inside(&["link", "set", "eth0", "up"])?;
        in_switch(&["link", "set", &line, "up"])?;
        in_switch(&[
            "route",
            "add",
            &address,
            "dev",
            &line,
            "src",
            SWITCH_ADDRESS,
        ])?;
        inside(&["route", "add", SWITCH_ADDRESS, "dev", "eth0"])?;
        inside(&["route", "add", "default", "via", SWITCH_ADDRESS])
    }

    /// A command that will run in a node's namespace; its process id is the program's own.
    pub fn command(node: usize, program: &Path) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &namespace(node)])
            .arg(program);
        command
    }

    /// What one node sends another no longer arrives.
    ///
    /// # Errors
    /// When there is no such line.
    pub fn cut_one_way(&mut self, from: usize, to: usize) -> Result<()> {
        change_cut("add", from, to)?;
        self.cuts.push((from, to));
        Ok(())
    }

    /// Two nodes no longer hear each other.
    ///
    /// # Errors
    /// When there is no such line.
    pub fn cut(&mut self, one: usize, other: usize) -> Result<()> {
        self.cut_one_way(one, other)?;
        self.cut_one_way(other, one)
    }

    /// A node no longer hears any other, and none hears it.
    ///
    /// # Errors
    /// When there is no such line.
    pub fn isolate(&mut self, node: usize) -> Result<()> {
        let others: Vec<usize> = self
            .nodes
            .iter()
            .copied()
            .filter(|other| *other != node)
            .collect();
        others
            .into_iter()
            .try_for_each(|other| self.cut(node, other))
    }

    /// Every line works again.
    ///
    /// # Errors
    /// When a cut is gone already.
    pub fn heal(&mut self) -> Result<()> {
        while let Some((from, to)) = self.cuts.pop() {
            change_cut("del", from, to)?;
        }
        Ok(())
    }

    /// What two nodes send each other takes longer. The test's own line to them stays as it is.
    ///
    /// # Errors
    /// When there is no tunnel device here.
    pub fn slow_down(&mut self, one: usize, other: usize, milliseconds: u32) -> Result<()> {
        let device = format!("slow{}", self.slow_lines.len());
        let table = (100 + self.slow_lines.len()).to_string();
        let slow_line = SlowLine::open(&device, milliseconds, |script| {
            let mut command = Command::new("ip");
            command
                .args(["netns", "exec", SWITCH, "python3"])
                .arg(script);
            command
        })?;
        self.slow_lines.push(slow_line);
        in_switch(&["link", "set", &device, "up"])?;
        in_switch(&["route", "add", "default", "dev", &device, "table", &table])?;
        for (from, to) in [(one, other), (other, one)] {
            // Packets that come back from the tunnel come from another device, so they go on.
            let (line, to) = (line(from), Self::address(to).to_string());
            let rule = ["pref", "200", "iif", &line, "to", &to, "lookup", &table];
            in_switch(&[&["rule", "add"], &rule[..]].concat())?;
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.slow_lines.clear();
        remove_all();
    }
}

fn namespace(node: usize) -> String {
    format!("{PREFIX}{node}")
}

/// The switch's end of a node's line.
fn line(node: usize) -> String {
    format!("node{node}")
}

fn change_cut(verb: &str, from: usize, to: usize) -> Result<()> {
    let (from, to) = (
        Network::address(from).to_string(),
        Network::address(to).to_string(),
    );
    let rule = [
        "pref",
        CUT_PREFERENCE,
        "from",
        &from,
        "to",
        &to,
        "blackhole",
    ];
    in_switch(&[&["rule", verb], &rule[..]].concat())
}

fn in_switch(arguments: &[&str]) -> Result<()> {
    ip(&[&["-n", SWITCH], arguments].concat())
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", said.trim());
    Ok(())
}

/// Ends every process in our namespaces and removes them; nothing to do is as good.
fn remove_all() {
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let listed = listed.map_or_else(|_| Vec::new(), |output| output.stdout);
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let names = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        end_processes(name);
        let _ = ip(&["netns", "del", name]);
    }
    let _ = ip(&["link", "del", TEST_DEVICE]);
}

/// Ends what runs in a namespace of ours, and nothing else.
fn end_processes(namespace: &str) {
    let Ok(output) = Command::new("ip")
        .args(["netns", "pids", namespace])
        .output()
    else {
        return;
    };
    let pids = String::from_utf8_lossy(&output.stdout).into_owned();
    for pid in pids.split_whitespace() {
        let _ = Command::new("kill").args(["-KILL", pid]).status();
    }
}

/// Waits for a child that was told to end.
pub(super) fn reap(child: &mut Child) {
    // Already ended is as good.
    let _ = child.kill();
    let _ = child.wait();
}

/// Fails early with a sentence when a program of the tests is not installed.
pub(super) fn require(program: &str) -> Result<()> {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_err() {
        bail!("{program} is not installed: run e2e/test tools");
    }
    Ok(())
}
