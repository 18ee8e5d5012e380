//! What the operator writes to pods: the gate through which the cluster's word about a member reaches Services,
//! and the end of pods that can never run as they are.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::{ApplyError, Written};
use crate::dereference::Found;
use crate::membership::{Plan, Standing};
use crate::names::{FIELD_MANAGER, MEMBER_GATE, Names};
use crate::pods::{condition, is_ready};

/// Opens the gate of pods whose members are live, closes it for those that are not. Where nobody knows it stays.
///
/// # Errors
/// A pod's status could not be written.
pub async fn open_gates(
    client: &Client,
    names: &Names,
    found: &Found,
    plan: &Plan,
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let api = Api::<Pod>::namespaced(client.clone(), &names.namespace);
    for pod in found.pods.values() {
        let name = pod.name_any();
        let standing = plan
            .standing
            .get(&name)
            .copied()
            .unwrap_or(Standing::Unknown);
        let Some(wanted) = gate(pod, standing) else {
            continue;
        };
        let (status, reason) = wanted;
        let patch = json!({ "status": { "conditions": [{
            "type": MEMBER_GATE,
            "status": status,
            "reason": reason,
            "message": "What the cluster's majority says about the member in this pod.",
            "lastTransitionTime": jiff::Timestamp::now(),
        }]}});
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match api
            .patch_status(&name, &parameters, &Patch::Strategic(&patch))
            .await
        {
            Ok(_) => written.push(Written {
                action: reason,
                kind: Some("Pod".to_owned()),
                note: format!("The cluster says of {name}: {reason}."),
            }),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(source) => {
                return Err(ApplyError::api(
                    format!("writing the status of {name}"),
                    source,
                ));
            }
        }
    }
    Ok(())
}

/// What the gate's condition must become, if it must change.
fn gate(pod: &Pod, standing: Standing) -> Option<(&'static str, &'static str)> {
    let now = condition(pod, MEMBER_GATE).map(|condition| condition.status.as_str());
    let (status, reason) = match standing {
        Standing::Live => ("True", "MemberLive"),
        Standing::Dead => ("False", "MemberDead"),
        Standing::Unknown => return None,
    };
    // A pod that has never been a member need not be told that it is none.
    let is_news = now != Some(status) && !(now.is_none() && standing == Standing::Dead);
    is_news.then_some((status, reason))
}

/// Deletes pods that are not as the StatefulSet says and have never served: with `OnDelete` nobody else does, and
/// the first manifest's mistake would stay for ever. Only before there is a cluster.
///
/// # Errors
/// A pod could not be deleted.
pub async fn replace_broken(
    client: &Client,
    names: &Names,
    found: &Found,
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let Some(revision) = found.set.as_ref().and_then(revision) else {
        return Ok(());
    };
    let api = Api::<Pod>::namespaced(client.clone(), &names.namespace);
    for pod in found.pods.values().filter(|pod| is_outdated(pod, revision)) {
        let name = pod.name_any();
        let only_this = DeleteParams::default().preconditions(Preconditions {
            uid: pod.uid(),
            resource_version: None,
        });
        match api.delete(&name, &only_this).await {
            Ok(_) => written.push(Written {
                action: "Replaced",
                kind: Some("Pod".to_owned()),
                note: format!(
                    "{name} was made for an earlier manifest and never served; it is replaced."
                ),
            }),
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => {}
            Err(source) => return Err(ApplyError::api(format!("replacing {name}"), source)),
        }
    }
    Ok(())
}

/// The revision that new pods get, once the StatefulSet's controller has seen what was written.
fn revision(set: &StatefulSet) -> Option<&String> {
    let status = set.status.as_ref()?;
    (status.observed_generation == set.metadata.generation)
        .then_some(status.update_revision.as_ref())?
}

fn is_outdated(pod: &Pod, revision: &String) -> bool {
    let mine = pod.labels().get("controller-revision-hash");
    let is_ending = pod.metadata.deletion_timestamp.is_some();
    mine.is_some_and(|mine| mine != revision) && !is_ready(pod) && !is_ending
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(gate: Option<&str>) -> Pod {
        let conditions = gate.map(|status| json!([{ "type": MEMBER_GATE, "status": status }]));
        serde_json::from_value(json!({ "metadata": {}, "status": { "conditions": conditions } }))
            .unwrap()
    }

    #[test]
    fn a_gate_follows_the_cluster_and_is_written_once() {
        assert_eq!(
            gate(&pod(None), Standing::Live),
            Some(("True", "MemberLive"))
        );
        assert_eq!(gate(&pod(Some("True")), Standing::Live), None);
        assert_eq!(
            gate(&pod(Some("True")), Standing::Dead),
            Some(("False", "MemberDead"))
        );
        assert_eq!(gate(&pod(Some("False")), Standing::Dead), None);
    }

    #[test]
    fn a_gate_stays_where_nobody_knows() {
        assert_eq!(gate(&pod(Some("True")), Standing::Unknown), None);
        assert_eq!(gate(&pod(None), Standing::Unknown), None);
    }

    #[test]
    fn a_pod_that_never_was_a_member_is_left_alone() {
        assert_eq!(gate(&pod(None), Standing::Dead), None);
    }
}
