//! A pod that is none of the cluster's gets nothing from the ports for nodes and operators.
//!
//! NetworkPolicy keeps such a pod away where a network enforces it; this one does not, so here the certificates stand alone.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::kubernetes::{Clients, NAMESPACE, demo, with_kubernetes};

const PORTS: [u16; 2] = [7883, 7983];

#[test]
fn a_pod_without_the_clusters_certificate_gets_nothing() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let clients = Clients::start(kubernetes, NAMESPACE, None)?;
        make_a_certificate(&clients)?;
        for pod in broker.pods()? {
            for port in PORTS {
                let host = format!("{}.{}:{port}", pod.name, broker.nodes_service());
                says_nothing(&clients, &format!("http://{host}/"), &[])?;
                says_nothing(&clients, &format!("https://{host}/"), &[])?;
                let own = ["--cert", "/tmp/own.crt", "--key", "/tmp/own.key"];
                says_nothing(&clients, &format!("https://{host}/"), &own)?;
            }
        }
        broker.whole().map(drop)
    })
}

/// A certificate of its own, as anybody can make one.
fn make_a_certificate(clients: &Clients<'_>) -> Result<()> {
    let request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
    ];
    let files = [
        "-nodes",
        "-subj",
        "/CN=demo-0",
        "-keyout",
        "/tmp/own.key",
        "-out",
        "/tmp/own.crt",
    ];
    clients.run(&[&request[..], &files].concat()).map(drop)
}

/// The connection is taken (the port is right), and then ended without an answer.
fn says_nothing(clients: &Clients<'_>, url: &str, more: &[&str]) -> Result<()> {
    let ask = [
        "curl",
        "--silent",
        "--show-error",
        "--insecure",
        "--max-time",
        "15",
        "--http2-prior-knowledge",
    ];
    let refused = clients.run(&[&ask[..], more, &[url]].concat()).err();
    let said = format!(
        "{:#}",
        refused.with_context(|| format!("{url} answered a stranger"))?
    );
    println!(
        "{url} {more:?}: {}",
        said.lines().last().unwrap_or_default()
    );
    for unreachable in [
        "Could not resolve",
        "Failed to connect",
        "Connection refused",
        "not found",
    ] {
        ensure!(
            !said.contains(unreachable),
            "{url} was not even reached: {said}"
        );
    }
    Ok(())
}
