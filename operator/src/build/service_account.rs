//! The ServiceAccount of the pods. It may nothing, and no token is mounted: nodes never ask the API server.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::meta::meta;
use crate::validate::ValidatedCluster;

pub(super) fn build(cluster: &ValidatedCluster) -> ServiceAccount {
    ServiceAccount {
        metadata: meta(cluster, cluster.names.main()),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
