//! Volumes are marked with the id of the cluster whose data they hold, so that a status that is lost never makes
//! a second cluster of them.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::{ApplyError, Written};
use crate::dereference::Found;
use crate::names::{CLUSTER_ID, FIELD_MANAGER, Names};

/// Marks the claims of these ordinals, whose nodes say that they belong to the cluster.
///
/// # Errors
/// A claim could not be written.
pub async fn mark_volumes(
    client: &Client,
    names: &Names,
    found: &Found,
    cluster: &str,
    ordinals: &[usize],
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let api = Api::<PersistentVolumeClaim>::namespaced(client.clone(), &names.namespace);
    for ordinal in ordinals {
        let Some(claim) = found.claims.get(ordinal) else {
            continue;
        };
        let mark = claim.annotations().get(CLUSTER_ID);
        if mark.is_some_and(|mark| mark == cluster) {
            continue;
        }
        let name = claim.name_any();
        let patch = json!({ "metadata": { "annotations": { CLUSTER_ID: cluster } } });
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patched = api.patch(&name, &parameters, &Patch::Merge(&patch)).await;
        let doing = || format!("marking the volume {name}");
        patched.map_err(|source| ApplyError::api(doing(), source))?;
        written.push(Written {
            action: "Marked",
            kind: Some("PersistentVolumeClaim".to_owned()),
            note: format!("The volume {name} holds data of cluster {cluster}."),
        });
    }
    Ok(())
}
