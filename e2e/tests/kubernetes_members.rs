//! The membership follows the manifest and the volumes: more voters, a lost volume, a resource made anew over what was kept.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::client::Client;
use quorate_e2e::kubernetes::{
    Broker, Kubernetes, Manifest, Traffic, Volumes, text, with_kubernetes, with_own_kubernetes,
};
use quorate_e2e::packet::Connect;
use serde_json::json;

const SPACE: &str = "quorate-e2e-members";

#[test]
fn one_voter_becomes_three_and_five_under_traffic() -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "growing");
        broker.apply(&Manifest::new("growing", 1))?;
        broker.whole()?;
        let id = text(&broker.resource()?, "/status/clusterId");
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        for voters in [3, 5] {
            broker.apply(&Manifest::new("growing", voters))?;
            let took = broker.whole()?;
            traffic
                .goes_on()
                .with_context(|| format!("{voters} voters"))?;
            println!("{voters} voters after {took:.1?}");
        }
        println!("{} messages acknowledged, none lost", traffic.finish()?);
        ensure!(
            text(&broker.resource()?, "/status/clusterId") == id,
            "another cluster"
        );
        broker.delete()?;
        kubernetes.clear_namespace(SPACE)
    })
}

#[test]
fn a_pod_that_lost_its_volume_is_replaced_as_a_new_member() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "losing");
        broker.apply(&Manifest::new("losing", 3))?;
        broker.whole()?;
        let pod = broker.pod(1)?;
        let old = node_id(&broker, &pod.name)?;
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        Volumes::lose(kubernetes, SPACE, &pod.name)?;
        let took = broker.replace_pod(&pod)?;
        broker.whole()?;
        println!("another {} was ready after {took:.1?}", pod.name);
        traffic.goes_on()?;
        println!("{} messages acknowledged, none lost", traffic.finish()?);
        let new = node_id(&broker, &pod.name)?;
        ensure!(new != old, "node {old} came back without its log");
        let members = broker.members(&broker.resource()?);
        ensure!(
            members.len() == 3,
            "the old member is still there: {members:?}"
        );
        kubernetes.clear_namespace(SPACE)
    })
}

fn node_id(broker: &Broker<'_>, pod: &str) -> Result<i64> {
    let members = broker.members(&broker.resource()?);
    let member = members.iter().find(|member| member["pod"] == pod);
    let id = member.and_then(|member| member["node"].as_i64());
    id.with_context(|| format!("{pod} is no member: {members:?}"))
}

#[test]
fn a_resource_made_anew_takes_over_the_volumes_that_were_kept() -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "kept");
        broker.apply(&Manifest::new("kept", 3))?;
        broker.whole()?;
        let id = text(&broker.resource()?, "/status/clusterId");
        leave_something_behind(&broker)?;
        broker.delete()?;
        ensure!(
            !claims(kubernetes)?.is_empty(),
            "the volumes went with the resource"
        );
        broker.apply(&Manifest::new("kept", 3))?;
        let took = broker.whole()?;
        println!("the same cluster again after {took:.1?}");
        ensure!(
            text(&broker.resource()?, "/status/clusterId") == id,
            "another cluster"
        );
        find_it(&broker)?;
        broker.delete()?;
        kubernetes.clear_namespace(SPACE)
    })
}

#[test]
fn a_resource_that_says_delete_takes_its_volumes_along() -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "brief");
        broker.apply(&Manifest::new("brief", 1).with("/deletionPolicy", json!("Delete")))?;
        broker.whole()?;
        ensure!(claims(kubernetes)?.len() == 1, "not one claim");
        broker.delete()?;
        kubernetes.until(
            "the claims to be gone",
            quorate_e2e::kubernetes::PATIENCE,
            || Ok(claims(kubernetes)?.is_empty().then_some(())),
        )?;
        kubernetes.clear_namespace(SPACE)
    })
}

fn claims(kubernetes: &Kubernetes) -> Result<Vec<serde_json::Value>> {
    kubernetes.api().list(&format!(
        "/api/v1/namespaces/{SPACE}/persistentvolumeclaims"
    ))
}

/// A retained message, and a queued one for a session that sleeps.
fn leave_something_behind(broker: &Broker<'_>) -> Result<()> {
    let endpoint = *broker.node_ports("mqtt")?.first().context("no node port")?;
    let mut sleeper = Client::connect(endpoint, &Connect::persistent("sleeper"))?;
    sleeper.subscribe("kept/queued", 1)?;
    sleeper.disconnect()?;
    let mut client = Client::connect(endpoint, &Connect::new("giver"))?;
    ensure!(
        client.publish("kept/queued", "queued", 1)? < 0x80,
        "refused"
    );
    ensure!(
        client.retain("kept/retained", "retained", 1)? < 0x80,
        "refused"
    );
    client.disconnect()
}

fn find_it(broker: &Broker<'_>) -> Result<()> {
    let endpoint = *broker.node_ports("mqtt")?.first().context("no node port")?;
    let mut sleeper = Client::connect(endpoint, &Connect::persistent("sleeper"))?;
    ensure!(sleeper.session_present(), "the session is gone");
    ensure!(sleeper.receive()?.text() == "queued", "another message");
    sleeper.subscribe("kept/retained", 1)?;
    ensure!(sleeper.receive()?.text() == "retained", "another message");
    sleeper.disconnect()
}
