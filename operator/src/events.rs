//! What is told as events: what was written, and what has become of conditions. People are woken by warnings, so
//! what is on its way to good is none.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource as _;
use kube::runtime::events::{Event, EventType, Recorder};

use crate::apply::Written;
use crate::conditions::clip;
use crate::crd::{MqttCluster, MqttClusterStatus};
use crate::limits::{ACTION_BYTES_MAX, NOTE_BYTES_MAX};

/// One for each kind of action: a beginning makes a dozen objects at once.
pub fn of_writes(written: &[Written]) -> Vec<Event> {
    let mut told: Vec<(&str, String)> = Vec::new();
    for Written { action, note, .. } in written {
        match told.iter_mut().find(|(known, _)| known == action) {
            Some((_, notes)) => {
                notes.push(' ');
                notes.push_str(note);
            }
            None => told.push((action, note.clone())),
        }
    }
    let normal = |(reason, note): (&str, String)| event(EventType::Normal, reason, &note);
    told.into_iter().map(normal).collect()
}

/// One for each condition that has another status or reason than before.
pub fn of_conditions(before: Option<&MqttClusterStatus>, after: &MqttClusterStatus) -> Vec<Event> {
    let told = after.conditions.iter().filter_map(|condition| {
        let old = before.and_then(|before| find(before, &condition.type_));
        let is_news =
            old.is_none_or(|old| old.status != condition.status || old.reason != condition.reason);
        let kind = if is_alarm(before, old, condition) {
            EventType::Warning
        } else {
            EventType::Normal
        };
        let note = format!("{}: {}", condition.type_, condition.message);
        is_news.then(|| event(kind, &condition.reason, &note))
    });
    told.collect()
}

fn find<'a>(status: &'a MqttClusterStatus, kind: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
}

/// Whether somebody should look: something good is over, or a person has to do something. A cluster that is being
/// formed, or that takes in a member, is on its way.
fn is_alarm(before: Option<&MqttClusterStatus>, old: Option<&Condition>, new: &Condition) -> bool {
    const ON_THE_WAY: [&str; 2] = ["Forming", "NodesNotReady"];
    let was_good = old.is_some_and(|old| old.status == "True");
    let is_formed = before.is_some_and(|before| before.cluster_id.is_some());
    if new.status == "True" {
        return false;
    }
    match &*new.type_ {
        "Ready" => was_good || !ON_THE_WAY.contains(&&*new.reason),
        "QuorumHealthy" => was_good && is_formed,
        "MembershipStable" => false,
        _ => new.status == "False",
    }
}

fn event(type_: EventType, reason: &str, note: &str) -> Event {
    Event {
        type_,
        reason: reason.to_owned(),
        note: Some(clip(note, NOTE_BYTES_MAX).to_owned()),
        // Events that differ in nothing but their note are counted as one, under the first one's note.
        action: clip(note, ACTION_BYTES_MAX).to_owned(),
        secondary: None,
    }
}

/// Tells people. An event that cannot be written costs nothing but itself.
pub async fn tell(recorder: &Recorder, cluster: &MqttCluster, events: Vec<Event>) {
    let about = cluster.object_ref(&());
    for event in events {
        if let Err(error) = recorder.publish(&event, &about).await {
            tracing::warn!(reason = %event.reason, %error, "an event could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(cluster: Option<&str>, conditions: &[(&str, &str, &str)]) -> MqttClusterStatus {
        let condition = |(kind, status, reason): &(&str, &str, &str)| {
            serde_json::from_value(serde_json::json!({
                "type": kind, "status": status, "reason": reason, "message": "m",
                "lastTransitionTime": "2026-01-01T00:00:00Z"
            }))
            .unwrap()
        };
        MqttClusterStatus {
            cluster_id: cluster.map(str::to_owned),
            conditions: conditions.iter().map(condition).collect(),
            ..MqttClusterStatus::default()
        }
    }

    fn kinds(before: &MqttClusterStatus, after: &MqttClusterStatus) -> Vec<(String, EventType)> {
        let events = of_conditions(Some(before), after);
        events
            .into_iter()
            .map(|event| (event.reason, event.type_))
            .collect()
    }

    #[test]
    fn a_beginning_wakes_nobody() {
        let after = status(
            None,
            &[
                ("Ready", "False", "Forming"),
                ("QuorumHealthy", "False", "NoCluster"),
                ("MembershipStable", "False", "MemberJoining"),
                ("ConfigApplied", "True", "Applied"),
            ],
        );
        let told = kinds(&status(None, &[]), &after);
        assert!(
            told.iter().all(|(_, kind)| *kind == EventType::Normal),
            "{told:?}"
        );
    }

    #[test]
    fn what_was_good_and_is_over_wakes_somebody() {
        let before = status(
            Some("c"),
            &[
                ("Ready", "True", "AllNodesReady"),
                ("QuorumHealthy", "True", "AllVotersLive"),
            ],
        );
        let after = status(
            Some("c"),
            &[
                ("Ready", "False", "NodesNotReady"),
                ("QuorumHealthy", "False", "NoQuorum"),
            ],
        );
        let told = kinds(&before, &after);
        assert!(
            told.iter().all(|(_, kind)| *kind == EventType::Warning),
            "{told:?}"
        );
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn a_manifest_that_is_wrong_wakes_somebody_once() {
        let after = status(None, &[("ConfigApplied", "False", "PortTwice")]);
        assert_eq!(
            kinds(&status(None, &[]), &after),
            [("PortTwice".to_owned(), EventType::Warning)]
        );
        assert_eq!(kinds(&after, &after), []);
    }

    #[test]
    fn objects_made_at_once_are_told_at_once() {
        let written = |kind: &str| Written {
            action: "Created",
            kind: Some(kind.to_owned()),
            note: format!("{kind} demo was created."),
        };
        let told = of_writes(&[written("Service"), written("Secret")]);
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].note.as_deref(),
            Some("Service demo was created. Secret demo was created.")
        );
    }
}
