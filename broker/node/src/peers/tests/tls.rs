//! Certificates of the peers' CA, of a foreign one, and new ones under live streams.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::support::{Node, cluster, identity};
use crate::peers::{JoinError, PeerTls, PeerTlsFiles, Refusal, join};

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for loopback by `ca`, and the CA that is trusted.
fn write(directory: &Path, ca: &Ca, trusted: &Ca) -> PeerTlsFiles {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names).unwrap();
    let cert = params.signed_by(&key, ca).unwrap();
    let files = PeerTlsFiles {
        cert: directory.join("peer.pem"),
        key: directory.join("peer.key"),
        ca: directory.join("ca.pem"),
    };
    std::fs::write(&files.cert, cert.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    std::fs::write(&files.ca, trusted.pem()).unwrap();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_with_certificates_answer_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let ca = ca();
    let tls = PeerTls::load(write(directory.path(), &ca, &ca)).unwrap();
    let nodes = cluster(3, Some(&tls)).await;
    assert!(nodes[0].ask(3, "x").await.is_ok());
    assert!(nodes[2].ask(2, "x").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_ca_is_refused_in_both_directions() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (foreign, ca) = (ca(), ca());
    let tls = PeerTls::load(write(ours.path(), &ca, &ca)).unwrap();
    // It trusts us, so that only its own certificate is in its way.
    let intruder = PeerTls::load(write(theirs.path(), &foreign, &ca)).unwrap();
    let nodes = cluster(2, Some(&tls)).await;
    let stranger = Node::start(identity(2, 90), Some(intruder.clone()), "127.0.0.1:0").await;
    stranger.peers.set_members(vec![nodes[0].at.clone()]);
    nodes[0].refuses(Refusal::Tls).await;
    let refused = join(&nodes[0].at.address, Default::default(), Some(&intruder)).await;
    assert!(
        matches!(refused, Err(JoinError::Unreachable { .. })),
        "{refused:?}"
    );
    let plain = join(&nodes[0].at.address, Default::default(), None).await;
    assert!(
        matches!(plain, Err(JoinError::Unreachable { .. })),
        "{plain:?}"
    );
    // And nobody is taken in by its port.
    let mut members: Vec<_> = nodes.iter().map(|node| node.at.clone()).collect();
    members[1].address = stranger.at.address.clone();
    nodes[0].peers.set_members(members);
    assert!(!nodes[0].peers.state().borrow().is_connected(2));
    assert!(!stranger.peers.state().borrow().is_connected(1));
    assert_eq!(nodes[0].peers.incarnation_of(2), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_certificates_of_a_new_ca_are_taken_under_live_streams() {
    let directory = tempfile::tempdir().unwrap();
    let old = ca();
    let tls: Arc<PeerTls> = PeerTls::load(write(directory.path(), &old, &old)).unwrap();
    let nodes = cluster(2, Some(&tls)).await;
    let new = ca();
    let files = write(directory.path(), &new, &new);
    // A third node knows the new CA only: it is let in as soon as the files have been read again.
    let third = PeerTls::load(files).unwrap();
    let third = Node::start(identity(3, 3), Some(third), "127.0.0.1:0").await;
    let members: Vec<_> = nodes
        .iter()
        .chain([&third])
        .map(|node| node.at.clone())
        .collect();
    for node in nodes.iter().chain([&third]) {
        node.peers.set_members(members.clone());
    }
    third.connected(1).await;
    nodes[0].connected(3).await;
    assert!(nodes[0].ask(3, "x").await.is_ok());
    // The streams from before have not ended.
    assert!(nodes[0].ask(2, "x").await.is_ok());
    let lanes = nodes[0].peers.stats().peers();
    assert_eq!(
        lanes[0].1.lane(crate::peers::Lane::Append).connects.value(),
        1
    );
}
