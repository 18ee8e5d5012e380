//! What a person would look at after a failure: resources with their conditions, events, and every pod's log.

use super::{Kubernetes, name_of, text};

/// Lines of a pod's log and of the events; the end is where the news is.
const LOG_LINES: &str = "--tail=60";
const EVENTS_SHOWN: usize = 80;

/// Everything, as text. What cannot be had is said instead.
pub(super) fn everything(kubernetes: &Kubernetes) -> String {
    let mut parts = vec![
        said(
            kubernetes,
            &["get", "nodes,pods,pvc,services", "-A", "-o", "wide"],
        ),
        said(kubernetes, &["get", "mqttclusters", "-A", "-o", "yaml"]),
        last_events(kubernetes),
    ];
    for pod in kubernetes.api().list("/api/v1/pods").unwrap_or_default() {
        let (namespace, name) = (text(&pod, "/metadata/namespace"), name_of(&pod));
        let of = [
            "logs",
            "-n",
            &namespace,
            &name,
            LOG_LINES,
            "--all-containers",
        ];
        parts.push(said(kubernetes, &of));
        if restarted(&pod) {
            parts.push(said(kubernetes, &[&of[..], &["--previous"]].concat()));
        }
    }
    parts.join("\n\n")
}

fn said(kubernetes: &Kubernetes, arguments: &[&str]) -> String {
    let output = kubernetes.api().kubectl(arguments);
    let output = output.unwrap_or_else(|error| format!("{error:#}"));
    format!("--- kubectl {}\n{}", arguments.join(" "), output.trim_end())
}

fn last_events(kubernetes: &Kubernetes) -> String {
    let all = said(
        kubernetes,
        &["get", "events", "-A", "--sort-by=.lastTimestamp"],
    );
    let lines: Vec<&str> = all.lines().collect();
    lines[lines.len().saturating_sub(EVENTS_SHOWN)..].join("\n")
}

fn restarted(pod: &serde_json::Value) -> bool {
    let statuses = pod.pointer("/status/containerStatuses");
    let statuses = statuses.and_then(serde_json::Value::as_array);
    statuses.is_some_and(|all| all.iter().any(|status| status["restartCount"] != 0))
}
