//! Pods as the operator sees them: whether one runs, is ready, and if not, why in words. Pure.

use k8s_openapi::api::core::v1::{ContainerState, Pod, PodCondition};

use crate::membership::PodState;

/// Why a pod does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One word for programs.
    pub reason: &'static str,
    /// What is the case and what to do; the end of a sentence that begins with the pod.
    pub text: String,
}

/// As the planner wants it.
pub fn state(pod: Option<&Pod>) -> PodState {
    let Some(pod) = pod else {
        return PodState::Absent;
    };
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Ending;
    }
    if is_running(pod) {
        return PodState::Running;
    }
    PodState::Pending(trouble(pod).map_or_else(String::new, |trouble| trouble.text))
}

/// Whether Services send clients to it.
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition.status == "True")
}

/// A condition of a pod.
pub fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

fn is_running(pod: &Pod) -> bool {
    container(pod).is_some_and(|state| state.running.is_some())
}

/// The state of its one container.
fn container(pod: &Pod) -> Option<&ContainerState> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.first()?.state.as_ref()
}

/// What keeps it from running, if that is known.
pub fn trouble(pod: &Pod) -> Option<Trouble> {
    unschedulable(pod).or_else(|| waiting(pod))
}

/// What keeps a pod from existing, as the StatefulSet's controller said.
pub fn refused(said: &str) -> Trouble {
    let (reason, advice) = if said.contains("exceeded quota") {
        (
            "QuotaExceeded",
            "raise the namespace's quota, or ask for less in resources",
        )
    } else if said.contains("violates PodSecurity") {
        (
            "PodForbidden",
            "the namespace's pod security level must allow it",
        )
    } else {
        ("PodRefused", "put the cause right; it is tried again")
    };
    Trouble {
        reason,
        text: format!(
            "its pod cannot be made ({}); {advice}",
            said.trim_end_matches('.')
        ),
    }
}

/// What keeps a pod's volume from existing, as was said about its claim.
pub fn refused_volume(claim: &str, said: &str) -> Trouble {
    Trouble {
        reason: "VolumeRefused",
        text: format!(
            "its volume is not there: of the claim {claim} it is said that {}; storage.className must name a class that exists and can make such volumes",
            said.trim_end_matches('.')
        ),
    }
}

fn unschedulable(pod: &Pod) -> Option<Trouble> {
    let scheduled = condition(pod, "PodScheduled")?;
    if scheduled.status != "False" {
        return None;
    }
    let why = scheduled.message.as_deref().unwrap_or("no reason is given");
    Some(Trouble {
        reason: "Unschedulable",
        text: format!(
            "no machine takes it ({}); add machines, or change scheduling, resources or storage",
            why.trim_end_matches('.')
        ),
    })
}

fn waiting(pod: &Pod) -> Option<Trouble> {
    let state = container(pod)?;
    let waiting = state.waiting.as_ref()?;
    let why = waiting.message.as_deref().unwrap_or("no reason is given");
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let (reason, text) = match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => (
            "ImageCannotBePulled",
            format!(
                "its image cannot be pulled ({why}); set spec.image to one that exists, or give imagePullSecrets"
            ),
        ),
        "CrashLoopBackOff" => (
            "NodeKeepsFailing",
            format!("its container ends again and again; kubectl logs --previous {name} tells why"),
        ),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => (
            "ContainerCannotStart",
            format!("its container cannot be started ({why})"),
        ),
        _ => return None,
    };
    Some(Trouble { reason, text })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "metadata": { "name": "demo-0" }, "status": status }))
            .unwrap()
    }

    #[test]
    fn a_pod_without_a_machine_says_what_the_scheduler_says() {
        let pod = pod(&json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient memory."
        }]}));
        let told = trouble(&pod).unwrap();
        assert_eq!(told.reason, "Unschedulable");
        assert!(
            told.text.contains("3 Insufficient memory)"),
            "{}",
            told.text
        );
        assert!(matches!(state(Some(&pod)), PodState::Pending(why) if why == told.text));
    }

    #[test]
    fn an_image_that_does_not_exist_is_named_as_that() {
        let waiting = json!({ "reason": "ImagePullBackOff", "message": "not found" });
        let pod = pod(&json!({ "containerStatuses": [{
            "name": "quorate", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": { "waiting": waiting }
        }]}));
        assert_eq!(trouble(&pod).unwrap().reason, "ImageCannotBePulled");
    }

    #[test]
    fn a_quota_that_forbids_pods_is_named_as_that() {
        let said = "create Pod demo-0 in StatefulSet demo failed error: pods \"demo-0\" is forbidden: exceeded quota: small";
        let told = refused(said);
        assert_eq!(told.reason, "QuotaExceeded");
        assert!(
            told.text.contains("raise the namespace's quota"),
            "{}",
            told.text
        );
    }

    #[test]
    fn a_storage_class_that_does_not_exist_is_named() {
        let told = refused_volume("data-demo-0", "storageclass \"nowhere\" not found");
        assert!(
            told.text
                .contains("\"nowhere\" not found; storage.className"),
            "{}",
            told.text
        );
    }

    #[test]
    fn a_container_that_runs_is_no_trouble() {
        let pod = pod(&json!({ "containerStatuses": [{
            "name": "quorate", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": { "running": {} }
        }]}));
        assert_eq!(trouble(&pod), None);
        assert_eq!(state(Some(&pod)), PodState::Running);
    }
}
