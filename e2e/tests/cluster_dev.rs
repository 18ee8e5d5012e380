//! What a newcomer does first: `quorate dev` with three nodes, and other people's clients.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::cluster::lock::Lock;
use quorate_e2e::cluster::{Place, obstacle};
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::{broker, port, process, wait};
use rustix::process::{Pid, Signal, kill_process};

/// From the command to three nodes that serve.
const UP_WITHIN: Duration = Duration::from_secs(5);

struct Dev {
    child: Child,
    base: u16,
    _data: tempfile::TempDir,
}

impl Drop for Dev {
    fn drop(&mut self) {
        // The nodes end with their parent's end of their standard input.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> Result<Dev> {
    let data = tempfile::tempdir()?;
    let base = three_free_ports()?;
    let log = std::fs::File::create(data.path().join("log"))?;
    let mut command = Command::new(std::fs::canonicalize(broker::binary()?)?);
    command.args(["dev", "--nodes", "3", "--base-port", &base.to_string()]);
    command.arg("--data").arg(data.path().join("data"));
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let child = command.spawn()?;
    Ok(Dev {
        child,
        base,
        _data: data,
    })
}

fn three_free_ports() -> Result<u16> {
    let run = (0..1000).find_map(|_| {
        let base = port::free().ok()?;
        let others = [port::free().ok()?, port::free().ok()?];
        (others == [base + 1, base + 2]).then_some(base)
    });
    run.context("no three ports in a row")
}

fn said(dev: &Dev) -> String {
    std::fs::read_to_string(dev._data.path().join("log")).unwrap_or_default()
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn dev_brings_three_nodes_up_and_ends_them_all() -> Result<()> {
    if let Some(reason) = obstacle(Place::Loopback) {
        println!("skipped: {reason}");
        return Ok(());
    }
    let _lock = Lock::take()?;
    let began = Instant::now();
    let mut dev = start()?;
    let (first, third) = (dev.base.to_string(), (dev.base + 2).to_string());
    wait::until("what to try to be printed", wait::PATIENCE * 2, || {
        said(&dev).contains("mosquitto_pub").then_some(())
    })
    .map_err(|error| error.context(said(&dev)))?;
    let took = began.elapsed();
    println!("up after {took:.1?}:\n{}", said(&dev));
    let mut listener = Tool::spawn("mosquitto_sub", &["-p", &first, "-v", "-t", "temp"])?;
    let line = wait::until("a message from node 3 at node 1", wait::PATIENCE, || {
        run_well("mosquitto_pub", &["-p", &third, "-t", "temp", "-m", "22.5"]).ok()?;
        listener.line_within(Duration::from_millis(200))
    })?;
    assert_eq!(line, "temp 22.5");
    let pid = Pid::from_raw(dev.child.id() as i32).context("a pid")?;
    kill_process(pid, Signal::INT)?;
    let status = process::end(&mut dev.child)?;
    ensure!(status.success(), "{status}\n{}", said(&dev));
    for port in dev.base..dev.base + 3 {
        ensure!(!listens(port), "something still listens on {port}");
    }
    ensure!(took < UP_WITHIN, "three nodes were up after {took:?} only");
    Ok(())
}
