//! What may lie below MQTT: WebSocket frames, PROXY headers, unix sockets.

use quorate_codec::{Connect, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use super::support::*;
use crate::config::{Limits, Listener, Place};
use crate::front_door::Peer;

const UPGRADE: &str = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

fn websocket() -> Vec<Listener> {
    vec![Listener {
        websocket: true,
        ..plain().remove(0)
    }]
}

/// A short frame as a client masks it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
    let masked = payload.iter().zip([1, 2, 3, 4].iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}

/// Reads the answer to an upgrade, up to the empty line.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn upgrade(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let head = read_head(stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(
        head.contains("\r\nSec-WebSocket-Protocol: mqtt\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_connect_may_be_cut_into_frames_and_what_is_behind_it_is_handed_over() {
    let mut door = Door::open(&websocket(), limits());
    let mut client = door.connect().await;
    upgrade(&mut client).await;
    let connect = bytes(&Connect::new(Version::V5, "framed"));
    let (first, second) = connect.split_at(5);
    let behind = [second, &[0xc0, 0x00, 0x30]].concat();
    // A fragmented message with a ping inside, and half a frame at the end.
    let sent = [
        frame(0x02, first),
        frame(0x89, b"ping"),
        frame(0x80, &behind),
        frame(0x82, b"half")[..8].to_vec(),
    ];
    client.write_all(&sent.concat()).await.unwrap();
    let mut established = door.established().await;
    assert_eq!(&*established.connect.client_id, "framed");
    assert_eq!(
        established.leftover,
        [&[0xc0, 0x00, 0x30][..], b"ha"].concat()
    );
    // The state goes on in the middle of the frame, and owes a pong.
    let websocket = established.websocket.as_mut().unwrap();
    let mut rest = frame(0x82, b"half")[8..].to_vec();
    assert_eq!(websocket.read(&mut rest), 2);
    assert_eq!(rest[..2], *b"lf");
    let mut wire = Vec::new();
    websocket.take_pong(&mut wire);
    assert_eq!(wire, [&[0x8a, 4][..], b"ping"].concat());
    door.end().await;
}

#[tokio::test]
async fn a_refusal_comes_in_a_frame_with_a_close_behind_it() {
    let door = Door::open(&websocket(), limits());
    *door.sessions.error.lock().unwrap() = Some(crate::front_door::ClaimError::Unavailable);
    let mut client = door.connect().await;
    upgrade(&mut client).await;
    let connect = bytes(&Connect::new(Version::V311, "refused"));
    let answer = converse(client, &frame(0x82, &connect)).await;
    assert_eq!(answer, [0x82, 4, 0x20, 2, 0, 3, 0x88, 2, 0x03, 0xe8]);
    door.end().await;
}

#[tokio::test]
async fn what_is_no_frame_or_no_connect_is_closed_with_a_code() {
    let mut door = Door::open(&websocket(), limits());
    for (sent, code) in [
        (b"\x82\x01x".to_vec(), 1002_u16),
        (frame(0x81, b"text"), 1003),
        (frame(0x88, &1001_u16.to_be_bytes()), 1001),
        (frame(0x82, b"GET / HTTP/1.1\r\n"), 1000),
    ] {
        let mut client = door.connect().await;
        upgrade(&mut client).await;
        let answer = converse(client, &sent).await;
        let expected = [&[0x88, 2][..], &code.to_be_bytes()].concat();
        assert_eq!(answer, expected, "{sent:?}");
    }
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_request_for_something_else_is_told_so_and_a_slow_one_is_closed() {
    let limits = Limits {
        handshake_max: std::time::Duration::from_millis(100),
        ..limits()
    };
    let mut door = Door::open(&websocket(), limits);
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    for (sent, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426"),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        (&endless, "431"),
        ("\u{10}\u{c}\0\u{4}MQTT", "400"),
    ] {
        let answer = converse(door.connect().await, sent.as_bytes()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    let half = &UPGRADE.as_bytes()[..UPGRADE.len() - 1];
    assert!(converse(door.connect().await, half).await.is_empty());
    assert!(door.is_quiet());
    assert_eq!(door.counters.handshake_failed.value(), 4);
    door.end().await;
}

fn proxied(networks: &str) -> (Vec<Listener>, crate::config::Config) {
    let listener = Listener {
        proxied: true,
        ..plain().remove(0)
    };
    let config = config(&[
        ("auth.allow_anonymous", "true"),
        ("proxy.trusted_networks", networks),
    ]);
    (vec![listener], config)
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is() {
    let (listeners, config) = proxied("127.0.0.0/8");
    let mut door = Door::with_config(&listeners, limits(), &config);
    let connect = bytes(&Connect::new(Version::V5, "behind"));
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend([192, 0, 2, 1, 10, 0, 0, 1, 0x1f, 0x90, 0x07, 0x5b]);
    for (header, peer) in [
        (
            b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 1883\r\n".to_vec(),
            "192.0.2.7:5000",
        ),
        (v2, "192.0.2.1:8080"),
    ] {
        let mut client = door.connect().await;
        client
            .write_all(&[&header, &connect[..]].concat())
            .await
            .unwrap();
        let established = door.established().await;
        assert_eq!(established.peer, Peer::Address(peer.parse().unwrap()));
        assert!(established.leftover.is_empty());
    }
    // It must say so: a client's first bytes are never guessed at.
    assert!(converse(door.connect().await, &connect).await.is_empty());
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_header_from_anybody_else_is_not_believed() {
    let (listeners, config) = proxied("192.0.2.0/24");
    let mut door = Door::with_config(&listeners, limits(), &config);
    let connect = bytes(&Connect::new(Version::V5, "direct"));
    let forged = [b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 1883\r\n", &connect[..]].concat();
    assert!(converse(door.connect().await, &forged).await.is_empty());
    let mut client = door.connect().await;
    client.write_all(&connect).await.unwrap();
    let own = Peer::Address(client.local_addr().unwrap());
    assert_eq!(door.established().await.peer, own);
    door.end().await;
}

#[tokio::test]
async fn a_process_of_this_machine_comes_through_a_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("quorate.sock");
    let listener = Listener {
        place: Place::Path {
            path: path.clone(),
            mode: 0o600,
        },
        ..plain().remove(0)
    };
    let mut door = Door::open(&[listener], limits());
    let mut client = UnixStream::connect(&path).await.unwrap();
    let connect = bytes(&Connect::new(Version::V311, "local"));
    client.write_all(&connect).await.unwrap();
    let mut established = door.established().await;
    assert!(matches!(established.peer, Peer::Local { .. }));
    std::io::Write::write_all(&mut established.stream, b"x").unwrap();
    assert_eq!(client.read_u8().await.unwrap(), b'x');
    door.end().await;
    assert!(!path.exists());
}
