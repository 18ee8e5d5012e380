//! The ConfigMap with the broker's configuration.

use k8s_openapi::api::core::v1::ConfigMap;

use super::meta::meta;
use crate::validate::ValidatedCluster;

/// The file in it.
pub(super) const FILE: &str = "quorate.toml";

pub(super) fn build(cluster: &ValidatedCluster, config: &str) -> ConfigMap {
    ConfigMap {
        metadata: meta(cluster, cluster.names.config()),
        data: Some([(FILE.to_owned(), config.to_owned())].into()),
        ..ConfigMap::default()
    }
}
