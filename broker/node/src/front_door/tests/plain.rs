//! What strangers may send on a plain port, and what comes of it.

use quorate_codec::{Connect, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::config::Limits;

#[tokio::test]
async fn a_client_is_handed_over_with_what_it_sent_behind_connect() {
    let mut door = Door::open(&plain(), limits());
    let mut client = door.connect().await;
    let mut sent = bytes(&Connect {
        keep_alive_seconds: 30,
        ..Connect::new(Version::V5, "c")
    });
    sent.extend_from_slice(&[0xc0, 0x00, 0xc0]);
    client.write_all(&sent).await.unwrap();
    let mut established = door.established().await;
    assert_eq!(established.leftover, [0xc0, 0x00, 0xc0]);
    assert_eq!(&*established.connect.client_id, "c");
    assert_eq!(established.connect.keep_alive_seconds, 30);
    assert_eq!(
        established.connack[..4],
        [0x20, established.connack.len() as u8 - 2, 0, 0]
    );
    // Nothing was sent yet: the worker sends the CONNACK. The socket works, and does not block.
    let mut byte = [0; 1];
    let error = std::io::Read::read(&mut established.stream, &mut byte).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    std::io::Write::write_all(&mut established.stream, b"x").unwrap();
    client.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"x");
    door.end().await;
}

#[tokio::test]
async fn a_connect_may_come_byte_by_byte() {
    let mut door = Door::open(&plain(), limits());
    let mut client = door.connect().await;
    client.set_nodelay(true).unwrap();
    for byte in bytes(&Connect::new(Version::V311, "slow")) {
        client.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let established = door.established().await;
    assert_eq!(&*established.connect.client_id, "slow");
    assert_eq!(established.connack, [0x20, 2, 0, 0]);
    door.end().await;
}

#[tokio::test]
async fn what_is_no_connect_is_closed_and_others_are_served() {
    let mut door = Door::open(&plain(), limits());
    let hello = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc];
    let huge = [0x10, 0xff, 0xff, 0xff, 0x7f];
    let endless = [0x10, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let garbage = [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &hello,
        &huge,
        &endless,
        &[0; 64],
        &[0xc0, 0x00],
    ];
    for bytes in garbage {
        assert!(
            converse(door.connect().await, bytes).await.is_empty(),
            "{bytes:?}"
        );
    }
    assert_eq!(door.counters.not_mqtt.value(), garbage.len() as u64);
    assert!(door.is_quiet());
    door.connect()
        .await
        .write_all(&bytes(&Connect::new(Version::V5, "ok")))
        .await
        .unwrap();
    assert_eq!(&*door.established().await.connect.client_id, "ok");
    door.end().await;
}

#[tokio::test]
async fn a_half_connect_that_never_grows_is_closed_in_time() {
    let limits = Limits {
        connect_max: std::time::Duration::from_millis(50),
        ..limits()
    };
    let mut door = Door::open(&plain(), limits);
    for cut in [0, 1, 2, 10] {
        let half = &bytes(&Connect::new(Version::V5, "half"))[..cut];
        assert!(converse(door.connect().await, half).await.is_empty());
    }
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_connect_larger_than_allowed_is_refused_at_its_length() {
    let limits = Limits {
        connect_bytes_max: 256,
        ..limits()
    };
    let mut door = Door::open(&plain(), limits);
    let id = "x".repeat(300);
    let large = bytes(&Connect::new(Version::V5, &id));
    assert!(converse(door.connect().await, &large[..3]).await.is_empty());
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn an_unknown_protocol_level_is_told_so() {
    let door = Door::open(&plain(), limits());
    let mut wrong = bytes(&Connect::new(Version::V311, "c"));
    wrong[8] = 9;
    let answer = converse(door.connect().await, &wrong).await;
    // By the standard either a CONNACK with 0x01 or 0x84, or a plain close.
    assert!(
        answer.is_empty() || answer[3] == 0x01 || answer[3] == 0x84,
        "{answer:?}"
    );
    assert_eq!(door.counters.not_mqtt.value(), 1);
    door.end().await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_until_another_one_leaves() {
    let limits = Limits {
        connections_max: 1,
        ..limits()
    };
    let mut door = Door::open(&plain(), limits);
    let hello = bytes(&Connect::new(Version::V5, "c"));
    let mut first = door.connect().await;
    first.write_all(&hello).await.unwrap();
    let established = door.established().await;
    assert!(converse(door.connect().await, &hello).await.is_empty());
    assert_eq!(door.counters.over_limit.value(), 1);
    drop(established);
    door.connect().await.write_all(&hello).await.unwrap();
    door.established().await;
    door.end().await;
}

#[tokio::test]
async fn the_end_drops_strangers_but_nobody_who_is_established() {
    let mut door = Door::open(&plain(), limits());
    let mut client = door.connect().await;
    client
        .write_all(&bytes(&Connect::new(Version::V5, "c")))
        .await
        .unwrap();
    let established = door.established().await;
    let stranger = door.connect().await;
    // The stranger has been accepted once the counter says so.
    while door.counters.accepted.value() < 2 {
        tokio::task::yield_now().await;
    }
    door.end().await;
    assert!(converse(stranger, &[]).await.is_empty());
    let mut stream = established.stream;
    std::io::Write::write_all(&mut stream, b"x").unwrap();
    let mut byte = [0; 1];
    client.read_exact(&mut byte).await.unwrap();
}
