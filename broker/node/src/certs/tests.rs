//! Tests of the certificates: rustls believes them as far as it should.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;

fn order(out: &Path, nodes: &[&str]) -> Order {
    Order {
        out: out.to_owned(),
        nodes: nodes
            .iter()
            .map(|node| NodeNames::parse(node).unwrap())
            .collect(),
    }
}

/// Certificate chain, key and trusted CA as a node or a person has them.
struct Holder {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Arc<RootCertStore>,
}

impl Holder {
    fn new(folder: &Path, kind: &str) -> Self {
        let path = |name: String| folder.join(name);
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(path(format!("{kind}-ca.crt"))).unwrap())
            .unwrap();
        Self {
            chain: vec![CertificateDer::from_pem_file(path(format!("{kind}.crt"))).unwrap()],
            key: PrivateKeyDer::from_pem_file(path(format!("{kind}.key"))).unwrap(),
            roots: Arc::new(roots),
        }
    }

    fn client(self, name: &str) -> ClientConnection {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots)
            .with_client_auth_cert(self.chain, self.key)
            .unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }

    fn server(self) -> ServerConnection {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots, provider.clone())
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain, self.key)
            .unwrap();
        ServerConnection::new(Arc::new(config)).unwrap()
    }
}

/// The whole handshake; both sides must be content.
fn shake(client: Holder, name: &str, server: Holder) -> Result<(), rustls::Error> {
    let (mut client, mut server) = (client.client(name), server.server());
    let mut bytes = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
        bytes.clear();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut &bytes[..]).unwrap();
        server.process_new_packets()?;
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn nodes_believe_each_other_and_nobody_else() {
    let root = tempfile::tempdir().unwrap();
    let (ours, theirs) = (root.path().join("ours"), root.path().join("theirs"));
    make(&order(
        &ours,
        &["one=127.0.0.1,one.example", "two=10.0.0.2"],
    ))
    .unwrap();
    make(&order(&theirs, &["one=127.0.0.1,one.example"])).unwrap();
    let node = |cluster: &Path, name: &str| Holder::new(&cluster.join(name), "peers");

    shake(node(&ours, "two"), "127.0.0.1", node(&ours, "one")).unwrap();
    shake(node(&ours, "two"), "one.example", node(&ours, "one")).unwrap();
    shake(node(&ours, "one"), "10.0.0.2", node(&ours, "two")).unwrap();

    let other_name = shake(node(&ours, "two"), "two.example", node(&ours, "one"));
    assert!(matches!(
        other_name,
        Err(rustls::Error::InvalidCertificate(_))
    ));
    let foreign_server = shake(node(&ours, "two"), "127.0.0.1", node(&theirs, "one"));
    assert!(matches!(
        foreign_server,
        Err(rustls::Error::InvalidCertificate(_))
    ));
    // One that trusts our CA, but shows a certificate of another.
    let stranger = Holder {
        roots: node(&ours, "one").roots,
        ..node(&theirs, "one")
    };
    let foreign_client = shake(stranger, "127.0.0.1", node(&ours, "one"));
    assert!(matches!(
        foreign_client,
        Err(rustls::Error::InvalidCertificate(_))
    ));
}

#[test]
fn people_may_ask_nodes_but_nodes_may_not_administer() {
    let root = tempfile::tempdir().unwrap();
    make(&order(root.path(), &["one=one.example"])).unwrap();
    let folder = |name: &str| root.path().join(name);
    let person = || Holder::new(&folder("admin-client"), "admin");
    let node = || Holder::new(&folder("one"), "admin");

    shake(person(), "one.example", node()).unwrap();
    shake(person(), "localhost", node()).unwrap();
    let by_a_node = shake(node(), "one.example", node());
    assert!(matches!(
        by_a_node,
        Err(rustls::Error::InvalidCertificate(_))
    ));
    // A peer's certificate is of another CA.
    let peer = Holder {
        roots: node().roots,
        ..Holder::new(&folder("one"), "peers")
    };
    let by_a_peer = shake(peer, "one.example", node());
    assert!(matches!(
        by_a_peer,
        Err(rustls::Error::InvalidCertificate(_))
    ));
}

#[test]
fn a_node_is_added_later_and_nothing_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    make(&order(root.path(), &["one=127.0.0.1"])).unwrap();
    let read = |name: &str| std::fs::read(root.path().join(name)).unwrap();
    let names = ["peers-ca.key", "admin-ca.crt", "one/peers.crt"];
    let before = names.map(read);
    make(&order(root.path(), &["one=10.0.0.1", "two=127.0.0.1"])).unwrap();
    assert_eq!(before, names.map(read));
    let node = |name: &str| Holder::new(&root.path().join(name), "peers");
    shake(node("one"), "127.0.0.1", node("two")).unwrap();
}

#[test]
fn keys_are_for_their_owner_only() {
    let root = tempfile::tempdir().unwrap();
    make(&order(root.path(), &["one=127.0.0.1"])).unwrap();
    for name in [
        "peers-ca.key",
        "admin-ca.key",
        "one/peers.key",
        "one/admin.key",
        "admin-client/admin.key",
    ] {
        let metadata = std::fs::metadata(root.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_ca_that_is_not_whole_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    make(&order(root.path(), &[])).unwrap();
    make(&order(other.path(), &[])).unwrap();
    std::fs::remove_file(root.path().join("peers-ca.key")).unwrap();
    let half = make(&order(root.path(), &[])).unwrap_err().to_string();
    assert!(
        half.contains("peers-ca.crt is there without") && half.contains("peers-ca.key"),
        "{half}"
    );
    std::fs::copy(
        other.path().join("peers-ca.key"),
        root.path().join("peers-ca.key"),
    )
    .unwrap();
    let foreign = make(&order(root.path(), &[])).unwrap_err().to_string();
    assert!(foreign.contains("peers-ca.crt cannot be used"), "{foreign}");
}

#[test]
fn a_node_is_a_name_and_its_hosts() {
    let node = NodeNames::parse("one=10.0.0.1, one.example").unwrap();
    assert_eq!(node.hosts, ["10.0.0.1", "one.example"]);
    for wrong in [
        "one",
        "one=",
        "=a",
        "../x=a",
        "one=a:1",
        "admin-client=a",
        "one=http://a",
    ] {
        assert_eq!(NodeNames::parse(wrong), None, "{wrong}");
    }
}
