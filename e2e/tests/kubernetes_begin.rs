//! The product in one sentence: the chart is installed, a manifest is applied, and devices have a broker.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::kubernetes::{
    Broker, Kubernetes, Manifest, condition, holds, number, root, text, with_kubernetes,
};
use quorate_e2e::packet::Connect;

/// What is aimed at is 30 and 15 s; CI's two cores do other things too.
const THREE_WITHIN: Duration = Duration::from_secs(60);
const ONE_WITHIN: Duration = Duration::from_secs(40);

const SPACE: &str = "quorate-e2e-begin";

/// A cluster that its namespace takes along; what was made is removed at the end.
fn in_a_namespace(body: impl FnOnce(&Kubernetes) -> Result<()>) -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        body(kubernetes)?;
        kubernetes.clear_namespace(SPACE)
    })
}

#[test]
fn a_manifest_makes_three_members_and_each_part_of_the_time_is_printed() -> Result<()> {
    in_a_namespace(|kubernetes| {
        let broker = Broker::of(kubernetes, SPACE, "three");
        let took = apply_and_watch(kubernetes, &broker, &Manifest::new("three", 3))?;
        ensure!(took < THREE_WITHIN, "three voters took {took:?}");
        let resource = broker.resource()?;
        ensure!(text(&resource, "/status/ready") == "3/3", "{resource}");
        ensure!(text(&resource, "/status/quorum") == "3/3", "{resource}");
        let table =
            kubernetes
                .api()
                .kubectl(&["get", "mqttclusters", "-n", SPACE, "-o", "wide"])?;
        println!("{table}");
        for column in [
            "NAME", "READY", "LEADER", "VERSION", "AGE", "TERM", "QUORUM", "STORAGE",
        ] {
            ensure!(table.contains(column), "no column {column} in\n{table}");
        }
        for ordinal in 0..3 {
            ensure!(
                broker.pod(ordinal)?.restarts == 0,
                "pod {ordinal} was restarted"
            );
        }
        Ok(())
    })
}

#[test]
fn one_voter_is_a_cluster_too_and_takes_clients() -> Result<()> {
    in_a_namespace(|kubernetes| {
        let broker = Broker::of(kubernetes, SPACE, "one");
        let took = apply_and_watch(kubernetes, &broker, &Manifest::new("one", 1))?;
        ensure!(took < ONE_WITHIN, "one voter took {took:?}");
        for endpoint in broker.node_ports("mqtt")? {
            let mut client = Client::connect(endpoint, &Connect::new("first"))?;
            ensure!(
                client.publish("first", "hello", 1)? < 0x80,
                "refused at {endpoint}"
            );
        }
        Ok(())
    })
}

#[test]
fn the_example_beside_the_operator_works_as_it_stands() -> Result<()> {
    in_a_namespace(|kubernetes| {
        let example = fs::read_to_string(root().join("operator/examples/cluster.yaml"))?;
        kubernetes.api().apply(SPACE, &example)?;
        let path = format!("/apis/quorate.dev/v1alpha1/namespaces/{SPACE}/mqttclusters");
        let made = kubernetes.api().list(&path)?;
        let name = text(
            made.first().context("the example holds no cluster")?,
            "/metadata/name",
        );
        Broker::of(kubernetes, SPACE, &name).whole().map(drop)
    })
}

/// Applies and waits, noting when each part was there.
fn apply_and_watch(
    kubernetes: &Kubernetes,
    broker: &Broker<'_>,
    manifest: &Manifest,
) -> Result<Duration> {
    let began = Instant::now();
    broker.apply(manifest)?;
    let mut noted: Vec<&str> = Vec::new();
    let result = kubernetes.until("the cluster to be ready", THREE_WITHIN * 2, || {
        let resource = broker.resource()?;
        let pods = broker.pods()?;
        let voters = number(&resource, "/spec/voters").unwrap_or(0) as usize;
        let members = broker.members(&resource);
        let is_voter = |member: &&serde_json::Value| member["role"] == "Voter";
        let parts = [
            ("pods made", pods.len() == voters),
            (
                "pods placed",
                pods.iter().filter(|pod| !pod.node.is_empty()).count() == voters,
            ),
            (
                "pods running",
                pods.iter().filter(|pod| pod.address.is_some()).count() == voters,
            ),
            (
                "cluster begun",
                !text(&resource, "/status/clusterId").is_empty(),
            ),
            (
                "all voting",
                members.iter().filter(is_voter).count() == voters,
            ),
            (
                "pods ready",
                pods.iter().filter(|pod| pod.is_ready).count() == voters,
            ),
            ("Ready", holds(&resource, "Ready")),
        ];
        for (part, is_there) in parts {
            if is_there && !noted.contains(&part) {
                println!("  {:5.1} s  {part}", began.elapsed().as_secs_f32());
                noted.push(part);
            }
        }
        Ok((noted.len() == parts.len()).then_some(()))
    });
    result.with_context(|| {
        format!(
            "noted {noted:?}; {:?}",
            broker.resource().map(|it| condition(&it, "Ready").cloned())
        )
    })?;
    broker.whole()?;
    Ok(began.elapsed())
}
