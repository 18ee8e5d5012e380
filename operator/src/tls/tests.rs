//! The planner of certificates: what stays, what is made anew and when; and real handshakes with what it makes.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::certificate::{certificates, facts};
use super::*;
use crate::finding::Holds;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::now()
}

fn wanted() -> Wanted {
    Wanted {
        cluster: "demo".to_owned(),
        nodes: node_names("demo", "demo-nodes", "iot"),
        clients: Some(client_names(&["demo".to_owned()], "iot", &[])),
    }
}

fn made(wanted: &Wanted, existing: &BTreeMap<Which, Data>, now: SystemTime) -> Plan {
    plan(wanted, existing, now).unwrap()
}

fn fresh() -> BTreeMap<Which, Data> {
    made(&wanted(), &BTreeMap::new(), now()).secrets
}

fn whys(plan: &Plan) -> Vec<(Which, &str)> {
    let changed = plan.changed.iter();
    changed
        .map(|changed| (changed.which, &*changed.why))
        .collect()
}

#[test]
fn everything_is_made_once_and_then_stays() {
    let first = made(&wanted(), &BTreeMap::new(), now());
    assert_eq!(first.secrets.len(), Which::ALL.len());
    assert_eq!(first.changed.len(), 3 + 4);
    assert_eq!(first.finding.holds, Holds::True);
    let nodes: Vec<&String> = first.secrets[&Which::Nodes].keys().collect();
    let files = [
        "admin-ca.crt",
        "admin.crt",
        "admin.key",
        "peers-ca.crt",
        "peers.crt",
        "peers.key",
    ];
    assert_eq!(nodes, files);
    let again = made(&wanted(), &first.secrets, now() + 10 * DAY);
    assert_eq!(again.secrets, first.secrets);
    assert_eq!(whys(&again), []);
    assert_eq!(again.renew_at, first.renew_at);
}

#[test]
fn a_leaf_is_renewed_at_two_thirds_of_its_life_and_its_ca_stays() {
    let old = fresh();
    let before = made(&wanted(), &old, now() + 59 * DAY);
    assert_eq!(whys(&before), []);
    let renewal = before.renew_at.unwrap();
    assert!(renewal > now() + 59 * DAY && renewal < now() + 61 * DAY);
    let after = made(&wanted(), &old, renewal + DAY);
    assert_eq!(after.changed.len(), 4);
    assert!(
        after.changed[0].why.contains("it would have ended on"),
        "{:?}",
        after.changed
    );
    for ca in [Which::PeerCa, Which::AdminCa, Which::ClientCa] {
        assert_eq!(after.secrets[&ca], old[&ca]);
    }
    for leaf in [Which::Nodes, Which::Operator, Which::Clients] {
        assert_ne!(after.secrets[&leaf], old[&leaf]);
        assert!(after.ends[&leaf] > renewal + 80 * DAY);
    }
}

#[test]
fn another_name_makes_another_certificate_of_only_those_that_carry_it() {
    let old = fresh();
    let mut more = wanted();
    more.clients
        .as_mut()
        .unwrap()
        .push("203.0.113.7".to_owned());
    let plan = made(&more, &old, now());
    let why = "The certificate of the client listeners was made anew: it did not name 203.0.113.7.";
    assert_eq!(whys(&plan), [(Which::Clients, why)]);
    let cert = &certificates(&plan.secrets[&Which::Clients]["tls.crt"])[0];
    let names = facts(cert).unwrap().names;
    assert!(names.contains("203.0.113.7") && names.contains("demo.iot.svc"));
    // Fewer names need no other certificate.
    assert_eq!(whys(&made(&wanted(), &plan.secrets, now())), []);
}

#[test]
fn a_secret_that_was_deleted_or_spoilt_is_made_again() {
    for spoil in [None, Some(("peers.key", "no key")), Some(("peers.crt", ""))] {
        let mut left = fresh();
        match spoil {
            None => drop(left.remove(&Which::Nodes)),
            Some((file, text)) => {
                let data = left.get_mut(&Which::Nodes).unwrap();
                data.insert(file.to_owned(), text.into());
            }
        }
        let plan = made(&wanted(), &left, now());
        assert!(
            plan.changed
                .iter()
                .all(|changed| changed.which == Which::Nodes)
        );
        assert!(!plan.changed.is_empty());
        assert_eq!(plan.secrets.len(), Which::ALL.len());
        assert_eq!(plan.secrets[&Which::PeerCa], left[&Which::PeerCa]);
        assert_eq!(whys(&made(&wanted(), &plan.secrets, now())), []);
    }
}

#[test]
fn a_ca_that_is_gone_is_said_and_nothing_that_runs_is_touched() {
    let mut left = fresh();
    let ca = left.remove(&Which::PeerCa).unwrap();
    let plan = made(&wanted(), &left, now());
    assert_eq!(plan.finding.reason, "CaMissing");
    for word in ["demo-peer-ca", "until 20", "backup", "demo-node-tls"] {
        assert!(
            plan.finding.message.contains(word),
            "{word}: {}",
            plan.finding.message
        );
    }
    assert!(!plan.secrets.contains_key(&Which::PeerCa));
    assert_eq!(plan.secrets[&Which::Nodes], left[&Which::Nodes]);
    assert_eq!(whys(&plan), []);
    left.insert(Which::PeerCa, ca);
    assert_eq!(made(&wanted(), &left, now()).finding.holds, Holds::True);
}

#[test]
fn a_ca_that_cannot_sign_is_said_and_never_overwritten() {
    let other = fresh();
    let breaks: [(&str, Vec<u8>, &str); 4] = [
        (
            "tls.key",
            other[&Which::PeerCa]["tls.key"].clone(),
            "not the key of",
        ),
        ("tls.crt", b"nothing".to_vec(), "no certificate in PEM"),
        (
            "tls.crt",
            other[&Which::Nodes]["peers.crt"].clone(),
            "not the certificate of a CA",
        ),
        ("tls.key", Vec::new(), "tls.key is missing"),
    ];
    for (file, text, said) in breaks {
        let mut left = fresh();
        left.get_mut(&Which::PeerCa)
            .unwrap()
            .insert(file.to_owned(), text);
        let plan = made(&wanted(), &left, now());
        assert_eq!(plan.finding.reason, "CaUnusable");
        assert!(
            plan.finding.message.contains(said),
            "{}",
            plan.finding.message
        );
        assert!(!plan.secrets.contains_key(&Which::PeerCa));
        assert_eq!(plan.secrets[&Which::Nodes], left[&Which::Nodes]);
    }
    let late = made(&wanted(), &fresh(), now() + 3_700 * DAY);
    assert!(
        late.finding.message.contains("it ended on"),
        "{}",
        late.finding.message
    );
}

#[test]
fn half_a_secret_is_never_written() {
    let mut left = fresh();
    left.get_mut(&Which::PeerCa)
        .unwrap()
        .insert("tls.crt".to_owned(), b"nothing".to_vec());
    left.remove(&Which::Nodes);
    let plan = made(&wanted(), &left, now());
    assert!(!plan.secrets.contains_key(&Which::Nodes));
    assert!(plan.secrets.contains_key(&Which::Operator));
}

#[test]
fn trust_is_a_bundle_and_a_ca_may_be_trusted_before_it_signs() {
    let (old, new) = (fresh(), fresh());
    let mut both = old.clone();
    let added = new[&Which::PeerCa]["ca.crt"].clone();
    let bundle = both
        .get_mut(&Which::PeerCa)
        .unwrap()
        .get_mut("ca.crt")
        .unwrap();
    bundle.extend(&added);
    let published = made(&wanted(), &both, now());
    let trusted = &published.secrets[&Which::Nodes]["peers-ca.crt"];
    assert_eq!(certificates(trusted).len(), 2);
    assert_eq!(
        published.secrets[&Which::Nodes]["peers.crt"],
        old[&Which::Nodes]["peers.crt"]
    );
    assert_eq!(published.changed.len(), 1);
    assert_eq!(whys(&made(&wanted(), &published.secrets, now())), []);
    // The new one signs now; what the old one signed is still trusted and stays.
    let mut signing = published.secrets.clone();
    let ca = signing.get_mut(&Which::PeerCa).unwrap();
    for file in ["tls.crt", "tls.key"] {
        ca.insert(file.to_owned(), new[&Which::PeerCa][file].clone());
    }
    let plan = made(&wanted(), &signing, now());
    assert_eq!(
        plan.secrets[&Which::Nodes]["peers.crt"],
        old[&Which::Nodes]["peers.crt"]
    );
    assert_eq!(
        certificates(&plan.secrets[&Which::Nodes]["peers-ca.crt"]).len(),
        2
    );
}

#[test]
fn without_client_listeners_of_its_own_there_is_no_ca_for_clients() {
    let mut without = wanted();
    without.clients = None;
    let plan = made(&without, &BTreeMap::new(), now());
    assert!(!plan.secrets.contains_key(&Which::ClientCa));
    assert!(!plan.secrets.contains_key(&Which::Clients));
    let later = made(&wanted(), &plan.secrets, now());
    assert_eq!(later.secrets.len(), Which::ALL.len());
}

#[test]
fn a_certificate_of_a_person_is_judged_in_sentences() {
    let good = fresh().remove(&Which::Clients).unwrap();
    let inspected = inspect(&good, now()).unwrap();
    assert!(inspected.ends > now() + 80 * DAY);
    let with = |file: &str, text: &[u8]| {
        let mut data = good.clone();
        data.insert(file.to_owned(), text.to_vec());
        inspect(&data, now()).unwrap_err().to_string()
    };
    assert!(with("tls.crt", b"").contains("has no tls.crt"));
    assert!(with("tls.crt", b"x").contains("no certificate in PEM"));
    assert!(with("tls.key", b"x").contains("no private key"));
    assert!(with("tls.key", &fresh()[&Which::Clients]["tls.key"]).contains("not that of tls.crt"));
    let late = inspect(&good, now() + 200 * DAY).unwrap_err();
    assert!(late.to_string().contains("ended on 20"));
}

/// Both sides of a handshake with client certificates, as nodes do it.
fn shake(server: &Data, client: &Data, files: [&str; 6], name: &str) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let load = |data: &Data, cert: &str, key: &str, ca: &str| {
        let chain: Vec<CertificateDer<'static>> = certificates(&data[cert]);
        let key = PrivateKeyDer::from_pem_slice(&data[key]).unwrap();
        let mut roots = RootCertStore::empty();
        certificates(&data[ca])
            .into_iter()
            .for_each(|ca| roots.add(ca).unwrap());
        (chain, key, Arc::new(roots))
    };
    let (chain, key, roots) = load(server, files[0], files[1], files[2]);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain, key)?;
    let (chain, key, roots) = load(client, files[3], files[4], files[5]);
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    for _ in 0..6 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut &bytes[..]).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut &bytes[..]).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn nodes_believe_each_other_and_the_operator_and_nobody_else() {
    const PEERS: [&str; 6] = [
        "peers.crt",
        "peers.key",
        "peers-ca.crt",
        "peers.crt",
        "peers.key",
        "peers-ca.crt",
    ];
    const ADMIN: [&str; 6] = [
        "admin.crt",
        "admin.key",
        "admin-ca.crt",
        "tls.crt",
        "tls.key",
        "ca.crt",
    ];
    let (ours, theirs) = (fresh(), fresh());
    let nodes = &ours[&Which::Nodes];
    for name in [
        "demo-0.demo-nodes.iot.svc",
        "demo-6.demo-nodes.iot.svc.cluster.local",
        "127.0.0.1",
    ] {
        shake(nodes, nodes, PEERS, name).unwrap();
        shake(nodes, &ours[&Which::Operator], ADMIN, name).unwrap();
    }
    assert!(shake(nodes, nodes, PEERS, "demo-0.demo-nodes.other.svc").is_err());
    assert!(
        shake(
            nodes,
            &theirs[&Which::Nodes],
            PEERS,
            "demo-0.demo-nodes.iot.svc"
        )
        .is_err()
    );
    assert!(
        shake(
            nodes,
            &theirs[&Which::Operator],
            ADMIN,
            "demo-0.demo-nodes.iot.svc"
        )
        .is_err()
    );
    // A node's own certificates open no admin port: it is not the operator.
    let as_client = [
        "admin.crt",
        "admin.key",
        "admin-ca.crt",
        "admin.crt",
        "admin.key",
        "admin-ca.crt",
    ];
    assert!(shake(nodes, nodes, as_client, "demo-0.demo-nodes.iot.svc").is_err());
}
