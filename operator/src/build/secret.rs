//! Secrets with certificates, as `tls` wants them.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::meta::meta;
use crate::tls::{Data, Which};
use crate::validate::ValidatedCluster;

pub(super) fn build(cluster: &ValidatedCluster, which: Which, data: &Data) -> Secret {
    let bytes = |(key, value): (&String, &Vec<u8>)| (key.clone(), ByteString(value.clone()));
    Secret {
        metadata: meta(cluster, which.name(&cluster.names.cluster)),
        type_: Some(which.secret_type().to_owned()),
        data: Some(data.iter().map(bytes).collect()),
        ..Secret::default()
    }
}
