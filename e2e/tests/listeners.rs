//! Other ways in than plain TCP: WebSocket with and without TLS, unix sockets, load balancers.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::broker::{Broker, Options, with_broker};
use quorate_e2e::client::Client;
use quorate_e2e::packet::{self, Connect, Publish, Version};
use quorate_e2e::port;
use quorate_e2e::tls::Authority;
use quorate_e2e::tool::{Tool, run_well};
use quorate_e2e::wait;
use quorate_e2e::websocket::{BINARY, CLOSE, PING, PONG, WebSocket, fragment, frame};

/// What WebSocket clients need to know.
struct Ports {
    plain: u16,
    secure: u16,
    authority: String,
}

/// A broker with `ws://` and `wss://` beside the usual listener.
fn with_websockets(body: impl FnOnce(&mut Broker, &Ports) -> Result<()>) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let authority = Authority::new(directory.path(), "ours")?;
    let identity = authority.issue(directory.path())?;
    let ports = Ports {
        plain: port::free()?,
        secure: port::free()?,
        authority: authority.file().to_string_lossy().into_owned(),
    };
    let (certificate, key) = (identity.certificate.display(), identity.key.display());
    let urls = [
        format!("ws://127.0.0.1:{}", ports.plain),
        format!(
            "wss://127.0.0.1:{}?cert={certificate}&key={key}",
            ports.secure
        ),
    ];
    let options = Options {
        arguments: urls
            .into_iter()
            .flat_map(|url| ["--listen".to_owned(), url])
            .collect(),
        ..Options::default()
    };
    with_broker(options, |broker| body(broker, &ports))
}

#[test]
fn paho_exchanges_messages_over_websocket_in_every_version() -> Result<()> {
    with_websockets(|_, ports| {
        let (plain, secure) = (ports.plain.to_string(), ports.secure.to_string());
        for version in ["3", "4", "5"] {
            let lines = Tool::paho("websocket.py", &[&plain, version])?.end()?;
            assert_eq!(lines, ["ok"]);
            let secured = [&secure, version, &ports.authority];
            let lines = Tool::paho("websocket.py", &secured)?.end()?;
            assert_eq!(lines, ["ok"]);
        }
        Ok(())
    })
}

#[test]
fn mqttjs_exchanges_messages_from_node() -> Result<()> {
    with_websockets(|broker, ports| {
        let urls = [
            format!("ws://localhost:{}/mqtt", ports.plain),
            format!("wss://localhost:{}", ports.secure),
            format!("mqtt://localhost:{}", broker.port),
        ];
        for url in urls {
            for version in ["3", "4", "5"] {
                let lines = Tool::node("node.js", &[&url, version])?.end()?;
                assert_eq!(lines, ["ok"], "{url}");
            }
        }
        Ok(())
    })
}

#[test]
fn mqttjs_exchanges_messages_from_a_browser() -> Result<()> {
    with_websockets(|broker, ports| {
        let mut listener = Client::connect(broker.port, &Connect::new("listener"))?;
        listener.subscribe("browser/+", 1)?;
        for url in [
            format!("ws://localhost:{}/mqtt", ports.plain),
            format!("wss://localhost:{}/mqtt", ports.secure),
        ] {
            let profile = tempfile::tempdir()?;
            let browser = Tool::browser("browser.html", &url, profile.path())?;
            for version in [3, 4, 5] {
                let report = listener.receive().with_context(|| url.clone())?;
                let told = (report.topic.clone(), report.text());
                assert_eq!(
                    told,
                    (format!("browser/{version}"), "ok".to_owned()),
                    "{url}"
                );
            }
            browser.kill()?;
        }
        Ok(())
    })
}

#[test]
fn packets_may_be_split_and_joined_in_frames() -> Result<()> {
    with_websockets(|_, ports| {
        let mut client = WebSocket::connect(ports.plain)?;
        let options = Connect {
            version: Version::V311,
            ..Connect::new("framed")
        };
        let bytes = [
            packet::connect(&options),
            packet::subscribe(Version::V311, 1, &[("t", 0)]),
        ]
        .concat();
        // Each byte in a fragment of its own, a ping between any two.
        for (index, byte) in bytes.iter().enumerate() {
            let opcode = if index == 0 { BINARY } else { 0 };
            client.send(&fragment(index + 1 == bytes.len(), opcode, &[*byte]))?;
            client.send(&frame(PING, &[*byte]))?;
        }
        let mut pongs = 0;
        let mut receive = |client: &mut WebSocket, expected: &[u8]| -> Result<()> {
            let mut received = Vec::new();
            while received.len() < expected.len() {
                match client.receive()? {
                    (BINARY, payload) => received.extend(payload),
                    (PONG, _) => pongs += 1,
                    other => anyhow::bail!("{other:?}"),
                }
            }
            assert_eq!(received, expected);
            Ok(())
        };
        receive(&mut client, &[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0])?;
        // Many packets in one frame.
        let joined = packet::publish(Version::V311, &Publish::new("t", "joined", 0)).repeat(5000);
        client.send(&frame(BINARY, &joined))?;
        receive(&mut client, &joined)?;
        ensure!(pongs > 0, "no ping was answered");
        client.send(&frame(BINARY, &packet::DISCONNECT))?;
        assert_eq!(client.closed()?, 1000);
        Ok(())
    })
}

#[test]
fn frames_against_the_rules_end_their_connection_with_a_code_and_a_will() -> Result<()> {
    with_websockets(|broker, ports| {
        let mut heir = Client::connect(broker.port, &Connect::new("heir"))?;
        heir.subscribe("will", 0)?;
        let huge = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes()].concat();
        for (what, bytes, code) in [
            ("not masked", vec![0x82, 1, 0], 1002),
            ("text", frame(1, b"hello"), 1003),
            ("a reserved bit", vec![0xc2, 0x80, 0, 0, 0, 0], 1002),
            ("a tebibyte", huge, 1009),
            ("going away", frame(CLOSE, &1001_u16.to_be_bytes()), 1001),
        ] {
            let mut client = WebSocket::connect(ports.plain)?;
            let options = Connect {
                will: Some(packet::Will {
                    topic: "will".to_owned(),
                    payload: what.into(),
                    qos: 0,
                    retain: false,
                    delay: 0,
                }),
                ..Connect::new("testator")
            };
            client.send(&frame(BINARY, &packet::connect(&options)))?;
            client.receive().context("CONNACK")?;
            client.send(&bytes)?;
            assert_eq!(client.closed()?, code, "{what}");
            assert_eq!(heir.receive()?.text(), what);
        }
        Ok(())
    })
}

/// What stays in memory for a WebSocket that is idle: no buffer of any kind.
#[test]
fn an_idle_websocket_holds_no_buffer() -> Result<()> {
    const CLIENTS: u64 = 1_500;
    const EACH_BYTES_MAX: u64 = 6 * 1024;
    with_websockets(|broker, ports| {
        let connect = |number: u64| -> Result<WebSocket> {
            let mut client = WebSocket::connect(ports.plain)?;
            let options = Connect::new(&format!("idle-{number}"));
            client.send(&frame(BINARY, &packet::connect(&options)))?;
            client.receive().context("CONNACK")?;
            // Something large, and a ping, so that buffers have been needed.
            let publish = packet::publish(Version::V5, &Publish::new("t", vec![0; 20_000], 0));
            client.send(&frame(BINARY, &publish))?;
            client.send(&frame(PING, &[1; 125]))?;
            ensure!(client.receive()?.0 == PONG);
            Ok(client)
        };
        let mut clients = (0..100).map(connect).collect::<Result<Vec<_>>>()?;
        let before = broker.resident_bytes()?;
        for number in 100..100 + CLIENTS {
            clients.push(connect(number)?);
        }
        let each = broker.resident_bytes()?.saturating_sub(before) / CLIENTS;
        println!("{each} bytes for each idle WebSocket");
        ensure!(each < EACH_BYTES_MAX, "{each} bytes each");
        Ok(())
    })
}

#[test]
fn mosquitto_clients_come_through_a_unix_socket() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("quorate.sock");
    let path = path.to_string_lossy().into_owned();
    let options = Options {
        arguments: vec!["--listen".to_owned(), format!("unix:{path}?mode=600")],
        ..Options::default()
    };
    with_broker(options, |broker| {
        let message = [
            "--unix",
            &path,
            "-q",
            "2",
            "-r",
            "-t",
            "t",
            "-m",
            "through a file",
        ];
        run_well("mosquitto_pub", &message)?;
        let subscribe = ["--unix", &path, "-t", "t", "-C", "1", "-W", "10"];
        assert_eq!(run_well("mosquitto_sub", &subscribe)?, "through a file\n");
        broker.terminate()?;
        ensure!(
            !std::path::Path::new(&path).exists(),
            "the socket's file stays"
        );
        // A crash leaves the file, and the next start takes its place.
        broker.restart()?;
        broker.kill()?;
        ensure!(
            std::path::Path::new(&path).exists(),
            "a crash removes nothing"
        );
        broker.restart()?;
        assert_eq!(run_well("mosquitto_sub", &subscribe)?, "through a file\n");
        Ok(())
    })
}

#[test]
fn a_trusted_load_balancer_tells_the_clients_address() -> Result<()> {
    let (trusted, strange) = (port::free()?, port::free()?);
    let listen = |port| {
        [
            "--listen".to_owned(),
            format!("mqtt://127.0.0.1:{port}?proxy=on"),
        ]
    };
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let options = |port, networks| Options {
        arguments: listen(port).to_vec(),
        environment: vec![
            set("QUORATE_PROXY_TRUSTED_NETWORKS", networks),
            set("QUORATE_LOG", "info,quorate_node::front_door=debug"),
        ],
        ..Options::default()
    };
    let header = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 1883\r\n";
    let connect = packet::connect(&Connect::new("balanced"));
    with_broker(options(trusted, "127.0.0.0/8"), |broker| {
        let mut stream = Client::dial(trusted)?;
        stream.write_all(header)?;
        let (mut client, code) = Client::open(stream, &Connect::new("balanced"))?;
        assert_eq!(code, 0);
        client.ping()?;
        wait::until("the log to tell the address", wait::PATIENCE, || {
            let log = broker.log();
            log.contains("peer=203.0.113.9:40000").then_some(())
        })?;
        // Without the header, even a good CONNECT is not taken.
        let mut without = Client::raw(Client::dial(trusted)?, Version::V5);
        without.send(&connect)?;
        without.closed(wait::PATIENCE)?;
        Ok(())
    })?;
    with_broker(options(strange, "192.0.2.0/24"), |broker| {
        let mut forger = Client::raw(Client::dial(strange)?, Version::V5);
        forger.send(&[&header[..], &connect].concat())?;
        forger.closed(wait::PATIENCE)?;
        Client::connect(strange, &Connect::new("direct"))?.ping()?;
        ensure!(
            !broker.log().contains("203.0.113.9"),
            "a forged address is believed"
        );
        Ok(())
    })
}
