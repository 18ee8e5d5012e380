//! The network of the cluster tests does what it is told: one that cuts nothing would let every test pass.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use quorate_e2e::cluster::lock::Lock;
use quorate_e2e::cluster::network::Network;
use quorate_e2e::wait;

const PORT: u16 = 7000;

/// Answers every connection with a word and closes it.
const SERVER: &str = "
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(b'hello')
    connection.close()
";

/// Says how many seconds a greeting took, or that none came.
const CLIENT: &str = "
import socket, sys, time
start = time.monotonic()
try:
    connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.4)
    assert connection.recv(5) == b'hello'
    print(time.monotonic() - start)
except OSError:
    print('nothing')
";

/// A process that ends with its value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(node: usize) -> Result<Server> {
    let mut command = Network::command(node, "python3".as_ref());
    command.args([
        "-c",
        SERVER,
        &Network::address(node).to_string(),
        &PORT.to_string(),
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut ready = [0; 6];
    let stdout = child.stdout.as_mut().context("stdout is piped")?;
    stdout.read_exact(&mut ready)?;
    Ok(Server(child))
}

/// How long one node waits for another's greeting, if it hears it.
fn greeting(from: usize, to: usize) -> Result<Option<Duration>> {
    let mut command = Network::command(from, "python3".as_ref());
    command.args([
        "-c",
        CLIENT,
        &Network::address(to).to_string(),
        &PORT.to_string(),
    ]);
    let said = String::from_utf8(command.output()?.stdout)?;
    let seconds = said.trim().parse::<f64>().ok();
    Ok(seconds.map(Duration::from_secs_f64))
}

/// The test's own line to a node.
fn reaches_test(node: usize) -> Result<Duration> {
    let start = Instant::now();
    let address = SocketAddr::new(Network::address(node), PORT);
    let mut stream = TcpStream::connect_timeout(&address, wait::PATIENCE)?;
    stream.write_all(b"x")?;
    let mut word = [0; 5];
    stream.read_exact(&mut word)?;
    Ok(start.elapsed())
}

#[test]
fn lines_are_cut_slowed_and_healed_and_the_tests_own_are_not() -> Result<()> {
    let _lock = Lock::take()?;
    if let Some(obstacle) = Network::obstacle() {
        println!("skipped: {obstacle}");
        return Ok(());
    }
    let mut network = Network::new()?;
    let mut servers = Vec::new();
    for node in 1..=3 {
        network.add(node)?;
        servers.push(serve(node)?);
    }
    let heard = |network: &mut Network, expected: [bool; 6]| -> Result<()> {
        let pairs = [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)];
        for ((from, to), expected) in pairs.into_iter().zip(expected) {
            assert_eq!(greeting(from, to)?.is_some(), expected, "{from} hears {to}");
        }
        for node in 1..=3 {
            reaches_test(node).with_context(|| format!("the test reaches node {node}"))?;
        }
        network.heal()
    };
    heard(&mut network, [true; 6])?;
    network.cut(1, 2)?;
    heard(&mut network, [false, false, true, true, true, true])?;
    network.isolate(3)?;
    heard(&mut network, [true, true, false, false, false, false])?;
    // TCP needs both ways: who cannot be answered hears nothing either.
    network.cut_one_way(2, 3)?;
    heard(&mut network, [true, true, true, true, false, false])?;
    heard(&mut network, [true; 6])?;

    network.slow_down(1, 3, 100)?;
    for (from, to) in [(1, 3), (3, 1)] {
        let took = greeting(from, to)?.context("a slow line is no cut")?;
        assert!(took >= Duration::from_millis(400), "{took:?}");
    }
    let took = greeting(1, 2)?.context("the other line is as before")?;
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert!(reaches_test(3)? < Duration::from_millis(100));
    Ok(())
}
