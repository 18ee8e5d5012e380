//! Who gets in, as whom, and what those who do not are told.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_codec::{
    Connect, ConnectProperties, EXPIRY_NEVER, MessageProperties, QoS, TopicName, Version, Will,
    WillProperties,
};
use quorate_shard::Owner;
use tokio::io::AsyncWriteExt;

use super::support::*;
use crate::auth::Authenticator;
use crate::config::Limits;
use crate::front_door::login::Clerk;
use crate::front_door::*;

const CAROL: &str = "carol:$6$DU4UV8OosO3wCli3$zjU/B0Q2myyCSUhvQg5ePnIM6tv878Z3NSFdSTUhh1vgci9dYxGT78QHn6VC1Tpjd9UBl4uTiQ5t052arqfh5A==\n";

fn passwords(root: &tempfile::TempDir) -> PathBuf {
    let path = root.path().join("users");
    std::fs::write(&path, CAROL).unwrap();
    path
}

#[tokio::test]
async fn the_right_password_lets_a_client_in_by_its_name() {
    let root = tempfile::tempdir().unwrap();
    let mut door = Door::with_passwords(passwords(&root));
    let mut client = door.connect().await;
    client
        .write_all(&bytes(&login_as(Version::V311, "carol", b"correct horse")))
        .await
        .unwrap();
    assert_eq!(door.established().await.username.as_deref(), Some("carol"));
    door.end().await;
}

#[tokio::test]
async fn a_will_that_could_not_be_published_is_refused() {
    let mut door = Door::open(&plain(), limits());
    let deep = ["a"; 300].join("/");
    let with = |topic, count: usize, version| {
        let properties = [0x26, 0, 1, b'k', 0, 1, b'v'].repeat(count);
        let message = MessageProperties::parse(&properties).unwrap();
        let will = Will {
            topic: TopicName::parse(topic).unwrap(),
            payload: b"gone",
            qos: QoS::AtMostOnce,
            retain: false,
            properties: WillProperties::new(0, None, message),
        };
        bytes(&Connect {
            will: Some(will),
            ..Connect::new(version, "testator")
        })
    };
    for (hello, code) in [
        (with(&deep, 0, Version::V5), 0x90),
        (with(&deep, 0, Version::V311), 3),
        (with("$SYS/broker/version", 0, Version::V5), 0x87),
        (with("fine", 257, Version::V5), 0x97),
    ] {
        let answer = converse(door.connect().await, &hello).await;
        assert_eq!((answer[0], answer[3]), (0x20, code), "{answer:?}");
    }
    let mut client = door.connect().await;
    client
        .write_all(&with("fine", 256, Version::V5))
        .await
        .unwrap();
    door.established().await;
    door.end().await;
}

#[tokio::test]
async fn a_wrong_password_and_no_name_are_refused_in_each_version() {
    let root = tempfile::tempdir().unwrap();
    let mut door = Door::with_passwords(passwords(&root));
    let wrong = |version| bytes(&login_as(version, "carol", b"wrong"));
    let nobody = |version| bytes(&Connect::new(version, "client"));
    for (hello, code) in [
        (wrong(Version::V311), 5),
        (wrong(Version::V5), 0x86),
        (nobody(Version::V311), 5),
        (nobody(Version::V5), 0x87),
    ] {
        let answer = converse(door.connect().await, &hello).await;
        assert_eq!(
            (answer[0], answer[2], answer[3]),
            (0x20, 0, code),
            "{answer:?}"
        );
    }
    assert_eq!(door.counters.not_authorized.value(), 4);
    assert!(
        door.sessions.claims.lock().unwrap().is_empty(),
        "nobody claims before logging in"
    );
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_client_without_an_id_gets_one_where_the_standard_says_so() {
    let mut door = Door::open(&plain(), limits());
    let mut client = door.connect().await;
    client
        .write_all(&bytes(&Connect::new(Version::V5, "")))
        .await
        .unwrap();
    let established = door.established().await;
    let id = established.connect.client_id;
    assert!(id.starts_with("auto-") && id.len() == 37, "{id}");
    let told = established
        .connack
        .windows(id.len())
        .any(|window| window == id.as_bytes());
    assert!(told, "CONNACK carries the assigned id");
    let keeping = Connect {
        clean_start: false,
        ..Connect::new(Version::V311, "")
    };
    assert_eq!(
        converse(door.connect().await, &bytes(&keeping)).await,
        [0x20, 2, 0, 2]
    );
    let mut client = door.connect().await;
    client
        .write_all(&bytes(&Connect::new(Version::V311, "")))
        .await
        .unwrap();
    assert!(
        door.established()
            .await
            .connect
            .client_id
            .starts_with("auto-")
    );
    door.end().await;
}

#[tokio::test]
async fn the_claim_carries_what_connect_asked_for_within_our_limits() {
    let limits = Limits {
        session_expiry_seconds_max: 100,
        window_max: 50,
        keep_alive_seconds_max: 60,
        ..limits()
    };
    let mut door = Door::open(&plain(), limits);
    *door.sessions.present.lock().unwrap() = true;
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: TopicName::parse("gone").unwrap(),
        payload: b"bye",
        properties: WillProperties::new(5, Some(9), Default::default()),
    };
    let connect = Connect {
        clean_start: false,
        keep_alive_seconds: 0,
        will: Some(will),
        properties: ConnectProperties {
            session_expiry_seconds: Some(EXPIRY_NEVER),
            receive_maximum: NonZeroU16::new(1_000),
            ..ConnectProperties::NONE
        },
        ..Connect::new(Version::V5, "c")
    };
    door.connect()
        .await
        .write_all(&bytes(&connect))
        .await
        .unwrap();
    let established = door.established().await;
    assert_eq!(established.connack[2..4], [1, 0], "session present");
    assert_eq!(established.connect.keep_alive_seconds, 60);
    let claims = door.sessions.claims.lock().unwrap().clone();
    let claim = &claims[0];
    assert_eq!(
        (claim.expiry_seconds, claim.window, claim.clean_start),
        (100, 50, false)
    );
    let will = claim.will.as_ref().unwrap();
    assert_eq!(
        (&*will.message.topic, &will.message.payload[..]),
        ("gone", &b"bye"[..])
    );
    assert_eq!(
        (will.delay_seconds, will.message.expiry_seconds),
        (5, Some(9))
    );
    assert!(will.message.retain && will.message.qos == QoS::AtLeastOnce);
    door.end().await;
}

#[tokio::test]
async fn a_client_waits_until_the_earlier_connection_is_closed() {
    let mut door = Door::open(&plain(), limits());
    let previous = Owner { node: 1, epoch: 1 };
    *door.sessions.previous.lock().unwrap() = Some(previous);
    door.connect()
        .await
        .write_all(&bytes(&Connect::new(Version::V5, "c")))
        .await
        .unwrap();
    while door.sessions.closing.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(door.is_quiet());
    assert_eq!(*door.sessions.closing.lock().unwrap(), [previous]);
    door.sessions.closed.notify_one();
    door.established().await;
    door.end().await;
}

#[tokio::test]
async fn a_claim_that_fails_is_told_with_its_reason() {
    let mut door = Door::open(&plain(), limits());
    for (error, v5, v311) in [
        (ClaimError::Unavailable, 0x88, 3),
        (ClaimError::Busy, 0x89, 3),
        (ClaimError::QuotaExceeded, 0x97, 3),
    ] {
        *door.sessions.error.lock().unwrap() = Some(error);
        for (version, code) in [(Version::V5, v5), (Version::V311, v311)] {
            let answer = converse(door.connect().await, &bytes(&Connect::new(version, "c"))).await;
            assert_eq!(answer[3], code, "{error} {version:?}");
        }
    }
    assert!(door.is_quiet());
    door.end().await;
}

#[tokio::test]
async fn a_claim_whose_login_is_given_up_is_given_back() {
    let sessions = Arc::new(FakeSessions::default());
    *sessions.previous.lock().unwrap() = Some(Owner { node: 1, epoch: 1 });
    let clerk = Clerk {
        limits: limits(),
        auth: Arc::new(
            Authenticator::new(&config(&[("auth.allow_anonymous", "true")]).auth, &[0; 32])
                .unwrap(),
        ),
        sessions: sessions.clone(),
        random: rustls::crypto::ring::default_provider().secure_random,
    };
    let connect = Connect::new(Version::V5, "c");
    tokio::select! {
        _ = clerk.log_in(&connect) => panic!("the earlier connection never closes"),
        () = async {
            while sessions.closing.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    tokio::time::timeout(PATIENCE, sessions.gave_back.notified())
        .await
        .unwrap();
    assert_eq!(*sessions.given_back.lock().unwrap(), [Arc::from("c")]);
}

#[tokio::test]
async fn a_refusal_fits_the_packet_size_the_client_takes() {
    let root = tempfile::tempdir().unwrap();
    let door = Door::with_passwords(passwords(&root));
    let mut connect = Connect::new(Version::V5, "c");
    connect.properties.maximum_packet_bytes = std::num::NonZeroU32::new(8);
    let answer = converse(door.connect().await, &bytes(&connect)).await;
    assert_eq!(answer, [0x20, 3, 0, 0x87, 0]);
    door.end().await;
}
