//! Tests of `[cluster]`, `[peers]` and `[admin]`.

use super::*;

fn cluster(flags: &[(&str, &str)]) -> ClusterConfig {
    load(MINIMUM, &[], flags).unwrap().cluster
}

fn refused(flags: &[(&str, &str)]) -> String {
    load(MINIMUM, &[], flags).unwrap_err()
}

fn listens(service: Option<&Service>) -> Option<String> {
    service.map(|service| service.listen.to_string())
}

#[test]
fn a_node_alone_opens_no_port_for_others() {
    let alone = cluster(&[]);
    assert_eq!((alone.peers, alone.admin), (None, None));
    assert_eq!(alone.start, Start::Single);
}

#[test]
fn whoever_wants_others_listens_for_them_on_loopback() {
    for flag in [
        ("cluster.bootstrap", "single"),
        ("cluster.bootstrap", "wait"),
        ("cluster.join", "one.example:7883"),
        ("cluster.advertise", "127.0.0.1"),
    ] {
        let cluster = cluster(&[flag]);
        let peers = listens(cluster.peers.as_ref());
        let admin = listens(cluster.admin.as_ref());
        assert_eq!(peers.as_deref(), Some("127.0.0.1:7883"), "{flag:?}");
        assert_eq!(admin.as_deref(), Some("127.0.0.1:7983"), "{flag:?}");
    }
    let only_admin = cluster(&[("admin.listen", "127.0.0.1:1")]);
    assert_eq!(only_admin.peers, None);
    assert_eq!(
        listens(only_admin.admin.as_ref()).as_deref(),
        Some("127.0.0.1:1")
    );
}

#[test]
fn a_node_joins_or_begins() {
    let join = cluster(&[("cluster.join", "one.example:7883, [::1]:7884")]);
    let expected = ["one.example:7883", "[::1]:7884"].map(str::to_owned);
    assert_eq!(join.start, Start::Join(expected.to_vec()));
    assert_eq!(cluster(&[("cluster.bootstrap", "wait")]).start, Start::Wait);

    let both = refused(&[("cluster.join", "a:1"), ("cluster.bootstrap", "single")]);
    assert!(
        both.contains("cluster.bootstrap = \"single\" (from flag --flag) is not allowed")
            && both.contains("either joins a cluster or begins one"),
        "{both}"
    );
    for wrong in [
        "one.example",
        "http://one.example:1",
        "a:0",
        "a:b",
        ":1",
        "",
    ] {
        let error = refused(&[("cluster.join", wrong)]);
        assert!(
            error.contains("a list of \"HOST:PORT\""),
            "{wrong}: {error}"
        );
    }
}

#[test]
fn without_certificates_only_loopback_is_open() {
    for (name, flag) in [
        ("peers.listen", "--peers-cert"),
        ("admin.listen", "--admin-cert"),
    ] {
        let error = refused(&[(name, "0.0.0.0:7000")]);
        assert!(
            error.contains(&format!("{name} = \"0.0.0.0:7000\" (from flag --flag)"))
                && error.contains("a loopback address")
                && error.contains("quorate certs")
                && error.contains(flag),
            "{error}"
        );
    }
}

#[test]
fn certificates_come_in_threes() {
    let two = refused(&[("peers.cert", "/c"), ("peers.ca", "/ca")]);
    assert!(
        two.contains("peers.key is not set; peers.cert, peers.key and peers.ca belong together"),
        "{two}"
    );
    let files = [
        ("peers.cert", "/c"),
        ("peers.key", "/k"),
        ("peers.ca", "/ca"),
        ("peers.listen", "10.0.0.1:7000"),
    ];
    let peers = cluster(&files).peers.unwrap();
    let expected = MutualTlsFiles {
        cert: "/c".into(),
        key: "/k".into(),
        ca: "/ca".into(),
    };
    assert_eq!(peers.tls, Some(expected));

    let everywhere = [&files[..3], &[("peers.listen", "0.0.0.0:7000")]].concat();
    let nowhere = refused(&everywhere);
    assert!(
        nowhere.contains("cluster.advertise is not set") && nowhere.contains("--advertise HOST"),
        "{nowhere}"
    );
    let named = cluster(&[&everywhere[..], &[("cluster.advertise", "one.example")]].concat());
    let bound = "0.0.0.0:7000".parse().unwrap();
    assert_eq!(named.advertised(bound), "one.example:7000");
}

#[test]
fn what_is_advertised_can_be_dialled() {
    let bound = "127.0.0.1:7883".parse().unwrap();
    assert_eq!(cluster(&[]).advertised(bound), "127.0.0.1:7883");
    let six = cluster(&[("cluster.advertise", "fd00::1")]);
    assert_eq!(six.advertised(bound), "[fd00::1]:7883");
    let port = refused(&[("cluster.advertise", "one.example:7883")]);
    assert!(port.contains("without a port"), "{port}");
}

#[test]
fn a_node_that_must_be_reached_cannot_be_off() {
    let join = refused(&[("cluster.join", "a:1"), ("peers.listen", "off")]);
    assert!(
        join.contains("peers.listen = \"off\"") && join.contains("cannot be part"),
        "{join}"
    );
    let wait = refused(&[("cluster.bootstrap", "wait"), ("admin.listen", "off")]);
    assert!(
        wait.contains("admin.listen = \"off\"") && wait.contains("quorate admin"),
        "{wait}"
    );
}
