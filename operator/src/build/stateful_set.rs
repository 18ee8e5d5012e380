//! The StatefulSet: all pods at once, and none is ended by it.

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::meta::meta;
use super::{NodeSet, claim};
use crate::crd::DeletionPolicy;
use crate::names::APPLIED_NODES;
use crate::validate::ValidatedCluster;

pub(super) fn build(
    cluster: &ValidatedCluster,
    nodes: &NodeSet,
) -> Result<StatefulSet, serde_json::Error> {
    let mut metadata = meta(cluster, cluster.names.main());
    let remembered = serde_json::to_string(nodes)?;
    metadata.annotations = Some([(APPLIED_NODES.to_owned(), remembered)].into());
    let spec = StatefulSetSpec {
        replicas: i32::try_from(cluster.voters).ok(),
        service_name: Some(cluster.names.headless()),
        selector: LabelSelector {
            match_labels: Some(cluster.names.selector()),
            ..LabelSelector::default()
        },
        // Nodes come up together: none can be ready alone.
        pod_management_policy: Some("Parallel".to_owned()),
        update_strategy: Some(StatefulSetUpdateStrategy {
            type_: Some("OnDelete".to_owned()),
            ..StatefulSetUpdateStrategy::default()
        }),
        template: serde_json::from_value(nodes.template.clone())?,
        volume_claim_templates: Some(vec![claim::template(cluster)]),
        persistent_volume_claim_retention_policy: Some(retention(cluster.deletion_policy)),
        ..StatefulSetSpec::default()
    };
    Ok(StatefulSet {
        metadata,
        spec: Some(spec),
        ..StatefulSet::default()
    })
}

/// Kubernetes itself deletes the volumes, so no finalizer of ours can hold up a namespace.
fn retention(policy: DeletionPolicy) -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    let when_deleted = match policy {
        DeletionPolicy::Retain => "Retain",
        DeletionPolicy::Delete => "Delete",
    };
    StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some(when_deleted.to_owned()),
        when_scaled: Some("Retain".to_owned()),
    }
}
