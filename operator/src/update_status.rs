//! Last step: writes the status if it has changed.

use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};

use crate::crd::{MqttCluster, MqttClusterStatus};

/// The status could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing the status: {0}")]
pub struct UpdateStatusError(#[source] Box<kube::Error>);

impl UpdateStatusError {
    /// Whether somebody has written meanwhile; looking again is all there is to do.
    pub fn is_conflict(&self) -> bool {
        matches!(&*self.0, kube::Error::Api(status) if status.code == 409)
    }

    /// The API server's answer.
    pub fn source(&self) -> &kube::Error {
        &self.0
    }
}

/// Writes a status with the version of the resource that was read, if it differs. Answers whether it did.
///
/// # Errors
/// The API server refused: with a conflict, if the resource has changed since it was read.
pub async fn update_status(
    client: &Client,
    cluster: &MqttCluster,
    status: &MqttClusterStatus,
) -> Result<bool, UpdateStatusError> {
    if cluster.status.as_ref() == Some(status) {
        return Ok(false);
    }
    let namespace = cluster.namespace().unwrap_or_default();
    let api = Api::<MqttCluster>::namespaced(client.clone(), &namespace);
    let mut wanted = cluster.clone();
    wanted.status = Some(status.clone());
    wanted.metadata.managed_fields = None;
    let replaced = api
        .replace_status(&cluster.name_any(), &PostParams::default(), &wanted)
        .await;
    replaced.map_err(|source| UpdateStatusError(Box::new(source)))?;
    Ok(true)
}
