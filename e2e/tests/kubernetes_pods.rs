//! Pods come and go under traffic, by hand and by drained machines: nothing acknowledged is lost, and a majority stays.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::kubernetes::{
    Kubernetes, NAMESPACE, Traffic, demo, text, with_kubernetes, with_own_kubernetes,
};

/// A drain asks again while the budget says no.
const DRAIN_TIMEOUT: &str = "--timeout=90s";

#[test]
fn each_pod_deleted_in_turn_comes_back_as_the_same_member_and_nothing_is_lost() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let before = broker.members(&broker.resource()?);
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        for pod in broker.pods()? {
            let took = broker.replace_pod(&pod)?;
            broker.whole()?;
            traffic
                .goes_on()
                .with_context(|| format!("after {} was deleted", pod.name))?;
            println!("{}: another was ready after {took:.1?}", pod.name);
        }
        let count = traffic.finish()?;
        println!("{count} messages acknowledged, none lost");
        ensure!(
            node_ids(&before) == node_ids(&broker.members(&broker.resource()?)),
            "members changed"
        );
        Ok(())
    })
}

fn node_ids(members: &[serde_json::Value]) -> Vec<(String, Option<i64>)> {
    let id = |member: &serde_json::Value| (text(member, "/pod"), member["node"].as_i64());
    let mut ids: Vec<_> = members.iter().map(id).collect();
    ids.sort();
    ids
}

#[test]
fn each_machine_drained_in_turn_leaves_a_majority_and_loses_nothing() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        let machines: Vec<String> = broker.pods()?.into_iter().map(|pod| pod.node).collect();
        for machine in machines {
            let drained = drain(kubernetes, &machine).and_then(|()| {
                // Its volume ties the pod to the machine: it waits there for the end of the work.
                let left = broker.pods()?.iter().filter(|pod| pod.is_ready).count();
                ensure!(
                    left >= 2,
                    "{left} pods are ready while {machine} is drained"
                );
                traffic.goes_on()
            });
            let uncordoned = kubernetes.api().kubectl(&["uncordon", &machine]);
            drained.with_context(|| format!("{machine} drained"))?;
            uncordoned?;
            broker.whole()?;
            traffic
                .goes_on()
                .with_context(|| format!("{machine} is back"))?;
            println!("{machine}: drained and back");
        }
        println!("{} messages acknowledged, none lost", traffic.finish()?);
        Ok(())
    })
}

fn drain(kubernetes: &Kubernetes, machine: &str) -> Result<()> {
    let how = [
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--force",
        DRAIN_TIMEOUT,
    ];
    kubernetes
        .api()
        .kubectl(&[&["drain", machine][..], &how].concat())
        .map(drop)
}

#[test]
fn the_budget_lets_no_second_pod_go_while_one_is_missing() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let pods = broker.pods()?;
        let machine = &pods[0].node;
        drain(kubernetes, machine)?;
        let refused = broker.evict(&pods[1]);
        let stays = kubernetes.until("the second pod to stay", Duration::from_secs(5), || {
            Ok(broker.pod(1)?.is_ready.then_some(()))
        });
        kubernetes.api().kubectl(&["uncordon", machine])?;
        let error = refused.err().context("a second pod was evicted")?;
        ensure!(
            format!("{error:#}").contains("disruption budget"),
            "refused otherwise: {error:#}"
        );
        stays?;
        broker.whole()?;
        ensure!(
            text(&broker.resource()?, "/metadata/namespace") == NAMESPACE,
            "elsewhere"
        );
        Ok(())
    })
}
