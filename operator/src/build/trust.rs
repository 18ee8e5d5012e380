//! The ConfigMap with the CA that clients are to trust: for everybody, and without its key.

use k8s_openapi::api::core::v1::ConfigMap;

use super::meta::meta;
use crate::tls::Data;
use crate::validate::ValidatedCluster;

/// The file in it, and in the Secret that it comes from.
const FILE: &str = "ca.crt";

/// `None` while the operator makes no certificates for listeners.
pub(super) fn build(cluster: &ValidatedCluster, ca: Option<&Data>) -> Option<ConfigMap> {
    let bundle = String::from_utf8(ca?.get(FILE)?.clone()).ok()?;
    Some(ConfigMap {
        metadata: meta(cluster, format!("{}-client-trust", cluster.names.cluster)),
        data: Some([(FILE.to_owned(), bundle)].into()),
        ..ConfigMap::default()
    })
}
