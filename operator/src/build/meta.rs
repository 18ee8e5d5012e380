//! What all objects have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource as _;

use crate::crd::MqttCluster;
use crate::validate::ValidatedCluster;

/// Name, namespace, labels and owner: the resource, so that deleting it deletes them.
pub(super) fn meta(cluster: &ValidatedCluster, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.names.namespace.clone()),
        labels: Some(cluster.names.labels()),
        owner_references: Some(vec![owner(cluster)]),
        ..ObjectMeta::default()
    }
}

fn owner(cluster: &ValidatedCluster) -> OwnerReference {
    OwnerReference {
        api_version: MqttCluster::api_version(&()).into_owned(),
        kind: MqttCluster::kind(&()).into_owned(),
        name: cluster.names.cluster.clone(),
        uid: cluster.uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}
