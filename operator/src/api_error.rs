//! What the API server's refusals mean, as sentences. Pure.

/// A refusal in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One word for programs.
    pub reason: &'static str,
    /// A sentence that says what to do.
    pub message: String,
}

/// `doing` is what was tried, such as `applying Service demo-mqtt`.
pub fn explain(doing: &str, error: &kube::Error) -> Refusal {
    let kube::Error::Api(status) = error else {
        return Refusal {
            reason: "ApiServerUnreachable",
            message: format!(
                "The API server could not be asked while {doing} ({error}). It is tried again."
            ),
        };
    };
    let said = status.message.trim_end_matches('.');
    let (reason, message) = match status.code {
        403 if said.contains("exceeded quota") => (
            "QuotaExceeded",
            format!(
                "The namespace's quota forbids {doing}: {said}. Raise the quota, or ask for less."
            ),
        ),
        403 if said.contains("being terminated") => (
            "NamespaceEnding",
            format!("The namespace is being deleted, so {doing} is not possible."),
        ),
        403 => (
            "Forbidden",
            format!(
                "The operator is not allowed {doing}: {said}. Install the chart in the version of the operator, which brings the rights."
            ),
        ),
        409 => (
            "ChangedMeanwhile",
            format!("Somebody else was faster than {doing}: {said}. It is looked at again."),
        ),
        422 | 400 => (
            "Refused",
            format!("Kubernetes refuses {doing}: {said}. Correct what the resource asks for."),
        ),
        404 => (
            "NotFound",
            format!(
                "Something is missing for {doing}: {said}. Is the chart's definition of MqttCluster installed?"
            ),
        ),
        code => (
            "ApiServerFailed",
            format!("The API server failed while {doing} ({code}: {said}). It is tried again."),
        ),
    };
    Refusal { reason, message }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn explained(code: u16, message: &str) -> Refusal {
        let mut status = Status::failure(message, "");
        status.code = code;
        explain(
            "applying Service demo-mqtt",
            &kube::Error::Api(Box::new(status)),
        )
    }

    #[test]
    fn quota_and_rights_are_told_apart() {
        let quota = explained(
            403,
            "pods \"x\" is forbidden: exceeded quota: small, requested: pods=1.",
        );
        assert_eq!(quota.reason, "QuotaExceeded");
        assert!(
            quota.message.contains("Raise the quota"),
            "{}",
            quota.message
        );
        let rights = explained(
            403,
            "services is forbidden: User \"x\" cannot patch resource",
        );
        assert_eq!(rights.reason, "Forbidden");
        assert!(
            rights.message.contains("applying Service demo-mqtt"),
            "{}",
            rights.message
        );
    }

    #[test]
    fn a_refused_value_says_what_was_refused() {
        let refused = explained(422, "spec.ports[0].nodePort: Invalid value: 80");
        assert_eq!(refused.reason, "Refused");
        assert!(refused.message.contains("nodePort"), "{}", refused.message);
    }
}
