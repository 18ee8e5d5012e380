//! Who is not let in, with others unaffected.

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{by_hand, chunk, cluster, identity};
use crate::peers::{Identity, ListenError, Peers, Refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_does_not_fit_is_refused_and_counted() {
    let nodes = cluster(2, None).await;
    let address = nodes[0].address();
    let foreign = Identity {
        cluster: 1,
        ..identity(2, 50)
    };
    let cases = [
        (chunk(foreign, 1, b""), Refusal::Cluster),
        (chunk(identity(2, 50), 7, b""), Refusal::Receiver),
        (chunk(identity(7, 50), 1, b""), Refusal::Member),
        (chunk(identity(2, 1), 1, b""), Refusal::Incarnation),
    ];
    for (greeting, refusal) in cases {
        let refused = by_hand(address, vec![greeting]).await.unwrap_err();
        assert_eq!(refused.message(), refusal.label());
        assert_eq!(nodes[0].peers.stats().refused(refusal), 1, "{refusal}");
    }
    assert!(nodes[1].ask(1, "still there").await.is_ok());
    assert!(nodes[0].ask(2, "still there").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_life_is_cut_off_in_the_middle_of_its_stream() {
    let nodes = cluster(2, None).await;
    let address = nodes[0].address();
    let old = by_hand(
        address,
        vec![
            chunk(identity(2, 2), 1, b""),
            chunk(identity(2, 30), 1, b""),
            chunk(identity(2, 2), 1, b""),
        ],
    );
    assert_eq!(old.await.unwrap_err().message(), "incarnation");
    let torn = by_hand(
        address,
        vec![
            chunk(identity(2, 30), 1, b""),
            chunk(identity(2, 30), 1, b"torn"),
        ],
    );
    assert_eq!(torn.await.unwrap_err().message(), "malformed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_port_is_closed_and_counted() {
    let nodes = cluster(2, None).await;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4_096]] {
        let mut stream = tokio::net::TcpStream::connect(nodes[0].address())
            .await
            .unwrap();
        stream.write_all(garbage).await.unwrap();
        let mut rest = Vec::new();
        // Closed with or without a reset.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
    nodes[0]
        .until(|peers| peers.stats().refused(Refusal::Malformed) == 2)
        .await;
    assert_eq!(nodes[1].ask(1, "x").await, Ok(Bytes::from_static(b"x")));
}

#[tokio::test]
async fn without_certificates_only_loopback() {
    let peers = Peers::new(None);
    let refused = peers
        .listen("0.0.0.0:0".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(refused, ListenError::Unprotected(_)), "{refused}");
    assert!(refused.to_string().contains("loopback only"));
}
