//! What is deleted goes, whole and without hanging; what was to be kept stays.

use anyhow::{Result, ensure};
use quorate_e2e::kubernetes::{Broker, Chart, Kubernetes, Manifest, PATIENCE, with_kubernetes};
use serde_json::json;

const SPACE: &str = "quorate-e2e-removal";

const KINDS: [(&str, &str); 7] = [
    ("api/v1", "services"),
    ("api/v1", "secrets"),
    ("api/v1", "configmaps"),
    ("api/v1", "pods"),
    ("apis/apps/v1", "statefulsets"),
    ("apis/policy/v1", "poddisruptionbudgets"),
    ("apis/networking.k8s.io/v1", "networkpolicies"),
];

fn remains(broker: &Broker<'_>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (group, kind) in KINDS {
        let objects = broker.objects(group, kind)?;
        all.extend(
            objects
                .iter()
                .map(|object| format!("{kind} {}", quorate_e2e::kubernetes::name_of(object))),
        );
    }
    Ok(all)
}

fn in_space(body: impl FnOnce(&Kubernetes, &Broker<'_>) -> Result<()>) -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "going");
        broker.apply(&Manifest::new("going", 1))?;
        broker.whole()?;
        body(kubernetes, &broker)
    })
}

#[test]
fn a_deleted_resource_leaves_nothing_but_its_volumes() -> Result<()> {
    in_space(|kubernetes, broker| {
        ensure!(!remains(broker)?.is_empty(), "the labels are others");
        broker.delete()?;
        let mut left = Vec::new();
        let gone = kubernetes.until("everything to be gone", PATIENCE, || {
            left = remains(broker)?;
            Ok(left.is_empty().then_some(()))
        });
        gone.map_err(|error| error.context(format!("left: {left:?}")))?;
        let claims = kubernetes.api().list(&format!(
            "/api/v1/namespaces/{SPACE}/persistentvolumeclaims"
        ))?;
        ensure!(claims.len() == 1, "claims: {claims:?}");
        kubernetes.remove_namespace(SPACE)
    })
}

#[test]
fn a_namespace_deleted_with_a_cluster_in_it_does_not_hang() -> Result<()> {
    in_space(|kubernetes, _| kubernetes.remove_namespace(SPACE))
}

#[test]
fn a_namespace_goes_too_while_no_operator_runs() -> Result<()> {
    in_space(|kubernetes, _| {
        Chart::uninstall(kubernetes)?;
        let removed = kubernetes.remove_namespace(SPACE);
        Chart::ours().install(kubernetes)?;
        removed
    })
}

#[test]
fn helm_uninstall_leaves_definitions_and_data() -> Result<()> {
    in_space(|kubernetes, broker| {
        Chart::uninstall(kubernetes)?;
        let definition =
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/mqttclusters.quorate.dev";
        let kept = kubernetes.api().find(definition)?.is_some() && broker.resource().is_ok();
        Chart::ours().install(kubernetes)?;
        ensure!(kept, "the definition or the resource is gone");
        broker.whole()?;
        let delete = json!({"spec": {"deletionPolicy": "Delete"}}).to_string();
        let patch = [
            "patch",
            "mqttcluster",
            "going",
            "-n",
            SPACE,
            "--type",
            "merge",
            "-p",
            &delete,
        ];
        kubernetes.api().kubectl(&patch)?;
        broker.delete()?;
        kubernetes.remove_namespace(SPACE)
    })
}
