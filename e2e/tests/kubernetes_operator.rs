//! The operator in rest and in trouble: it writes nothing when nothing changed, puts right what others change, and nobody's traffic
//! depends on it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::kubernetes::{
    Broker, Chart, Kubernetes, NAMESPACE, OPERATOR_NAMESPACE, PATIENCE, Traffic, demo, name_of,
    text, with_kubernetes, with_own_kubernetes,
};
use quorate_e2e::wait;
use serde_json::Value;

const IDLE: Duration = Duration::from_secs(120);

/// What an idle operator must leave alone, by group and kind.
const KINDS: [(&str, &str); 9] = [
    ("api/v1", "services"),
    ("api/v1", "secrets"),
    ("api/v1", "configmaps"),
    ("api/v1", "serviceaccounts"),
    ("api/v1", "pods"),
    ("apps/v1", "statefulsets"),
    ("policy/v1", "poddisruptionbudgets"),
    ("networking.k8s.io/v1", "networkpolicies"),
    ("quorate.dev/v1alpha1", "mqttclusters"),
];

/// Kind and name of everything in the namespace that the operator makes, with its version: each write changes it.
fn versions(kubernetes: &Kubernetes) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for (group, kind) in KINDS {
        let path = match group {
            "api/v1" => format!("/api/v1/namespaces/{NAMESPACE}/{kind}"),
            _ => format!("/apis/{group}/namespaces/{NAMESPACE}/{kind}"),
        };
        for object in kubernetes.api().list(&path)? {
            let name = format!("{kind}/{}", name_of(&object));
            all.insert(name, text(&object, "/metadata/resourceVersion"));
        }
    }
    Ok(all)
}

/// Requests of the operator that changed something, as the API server counts them, without those of its Lease.
fn writes(kubernetes: &Kubernetes) -> Result<Vec<String>> {
    let events = format!("/api/v1/namespaces/{NAMESPACE}/events");
    let events = kubernetes.api().list(&events)?;
    let ours = events.iter().filter(|event| {
        let by = text(event, "/reportingComponent") + &text(event, "/source/component");
        by.contains("quorate")
    });
    Ok(ours
        .map(|event| {
            format!(
                "{} {}",
                name_of(event),
                text(event, "/metadata/resourceVersion")
            )
        })
        .collect())
}

#[test]
fn two_idle_minutes_bring_no_write_but_the_lease() -> Result<()> {
    with_kubernetes(|kubernetes| {
        demo(kubernetes)?;
        // What the last test left behind is put right first.
        let calm = kubernetes.until("a calm moment", PATIENCE, || {
            let before = versions(kubernetes)?;
            wait::pass(Duration::from_secs(5));
            Ok((before == versions(kubernetes)?).then_some(before))
        })?;
        let told = writes(kubernetes)?;
        wait::pass(IDLE);
        let after = versions(kubernetes)?;
        let changed: Vec<&String> = after
            .iter()
            .filter(|(name, version)| calm.get(*name) != Some(version))
            .map(|(name, _)| name)
            .collect();
        ensure!(changed.is_empty(), "written while idle: {changed:?}");
        ensure!(calm.len() == after.len(), "something is gone");
        ensure!(told == writes(kubernetes)?, "events while idle");
        Ok(())
    })
}

#[test]
fn what_others_change_or_delete_is_put_right_without_a_restart() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let pods = broker.pods()?;
        let label = r#"{"spec":{"template":{"metadata":{"labels":{"app.kubernetes.io/component":"changed"}}}}}"#;
        patch(kubernetes, "statefulset", "demo", label)?;
        let budget = r#"{"spec":{"maxUnavailable":2}}"#;
        patch(
            kubernetes,
            "poddisruptionbudget",
            &budget_name(&broker)?,
            budget,
        )?;
        for (kind, name) in deletable(&broker)? {
            println!("deletes {kind} {name}");
            kubernetes
                .api()
                .kubectl(&["delete", &kind, &name, "-n", NAMESPACE, "--wait=false"])?;
            kubernetes.until(&format!("{kind} {name} to be back"), PATIENCE, || {
                Ok(kubernetes
                    .api()
                    .kubectl(&["get", &kind, &name, "-n", NAMESPACE])
                    .ok())
            })?;
        }
        kubernetes.until("the edits to be undone", PATIENCE, || {
            let set = &broker.objects("apis/apps/v1", "statefulsets")?[0];
            let label = text(
                set,
                "/spec/template/metadata/labels/app.kubernetes.io~1component",
            );
            let budget = &broker.objects("apis/policy/v1", "poddisruptionbudgets")?[0];
            let allowed = budget
                .pointer("/spec/maxUnavailable")
                .and_then(Value::as_i64);
            Ok((label != "changed" && allowed != Some(2)).then_some(()))
        })?;
        broker.whole()?;
        same_pods(&pods, &broker)
    })
}

fn patch(kubernetes: &Kubernetes, kind: &str, name: &str, patch: &str) -> Result<()> {
    let patch = [
        "patch", kind, name, "-n", NAMESPACE, "--type", "merge", "-p", patch,
    ];
    kubernetes.api().kubectl(&patch).map(drop)
}

fn budget_name(broker: &Broker<'_>) -> Result<String> {
    let budgets = broker.objects("apis/policy/v1", "poddisruptionbudgets")?;
    Ok(name_of(budgets.first().context("no budget")?))
}

/// A Service, a Secret that can be made again, and the rest that pods do not hang on.
fn deletable(broker: &Broker<'_>) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (group, kind) in [
        ("api/v1", "services"),
        ("api/v1", "configmaps"),
        ("apis/policy/v1", "poddisruptionbudgets"),
        ("apis/networking.k8s.io/v1", "networkpolicies"),
    ] {
        let objects = broker.objects(group, kind)?;
        let object = objects.first().with_context(|| format!("no {kind}"))?;
        all.push((kind.to_owned(), name_of(object)));
    }
    Ok(all)
}

fn same_pods(before: &[quorate_e2e::kubernetes::Pod], broker: &Broker<'_>) -> Result<()> {
    let identity = |pod: &quorate_e2e::kubernetes::Pod| (pod.uid.clone(), pod.restarts);
    let after = broker.pods()?;
    ensure!(
        before.iter().map(identity).eq(after.iter().map(identity)),
        "pods were restarted: {before:?} {after:?}"
    );
    Ok(())
}

#[test]
fn the_operator_is_removed_and_installed_again_and_no_pod_notices() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let pods = broker.pods()?;
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        Chart::uninstall(kubernetes)?;
        ensure!(
            broker.resource().is_ok(),
            "the resource went with the operator"
        );
        traffic.goes_on().context("without an operator")?;
        Chart::ours().install(kubernetes)?;
        broker.whole()?;
        traffic.goes_on().context("with an operator again")?;
        println!("{} messages acknowledged, none lost", traffic.finish()?);
        same_pods(&pods, &broker)
    })
}

#[test]
fn an_operator_of_another_image_restarts_no_pod() -> Result<()> {
    with_own_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let pods = broker.pods()?;
        let traffic = Traffic::start(&broker.node_ports("mqtt")?)?;
        let upgraded = Chart::with_image(&quorate_e2e::kubernetes::same_image_by_another_name()?);
        let installed = upgraded.install(kubernetes);
        let goes_on = traffic.goes_on();
        let same = same_pods(&pods, &broker);
        Chart::ours().install(kubernetes)?;
        installed?;
        goes_on.context("during the upgrade")?;
        same?;
        broker.whole()?;
        println!("{} messages acknowledged, none lost", traffic.finish()?);
        same_pods(&pods, &broker)
    })
}

#[test]
fn one_operator_of_two_is_killed_and_the_other_goes_on() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let broker = demo(kubernetes)?;
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases");
        let holder = |kubernetes: &Kubernetes| -> Result<String> {
            let leases = kubernetes.api().list(&path)?;
            Ok(text(
                leases.first().context("no lease")?,
                "/spec/holderIdentity",
            ))
        };
        let first = holder(kubernetes)?;
        let pods = kubernetes
            .api()
            .list(&format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods"))?;
        let pod = pods
            .iter()
            .map(name_of)
            .find(|name| first.contains(name.as_str()));
        let pod = pod.with_context(|| format!("no pod is {first}"))?;
        kubernetes.api().kubectl(&[
            "delete",
            "pod",
            &pod,
            "-n",
            OPERATOR_NAMESPACE,
            "--grace-period=0",
            "--force",
        ])?;
        kubernetes.until("another operator to take over", PATIENCE, || {
            let now = holder(kubernetes)?;
            Ok((now != first && !now.is_empty()).then_some(()))
        })?;
        let service = broker.service_name("mqtt");
        kubernetes
            .api()
            .kubectl(&["delete", "service", &service, "-n", NAMESPACE])?;
        kubernetes.until("the Service to be back", PATIENCE, || {
            Ok(broker.service("mqtt").ok().map(drop))
        })?;
        broker.whole().map(drop)
    })
}
