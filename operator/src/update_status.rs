//! Last step: writes the status if it has changed, and tells what has changed as events.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::PostParams;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::{Api, Client, Resource as _, ResourceExt as _};

use crate::apply::Written;
use crate::conditions::clip;
use crate::crd::{MqttCluster, MqttClusterStatus};
use crate::limits::NOTE_BYTES_MAX;

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

/// What has become different between two statuses, worth an event.
pub fn news<'a>(
    before: Option<&MqttClusterStatus>,
    after: &'a MqttClusterStatus,
) -> Vec<&'a Condition> {
    let old = |kind: &str| {
        let conditions = before.map(|status| &status.conditions);
        conditions
            .into_iter()
            .flatten()
            .find(|condition| condition.type_ == kind)
    };
    let is_news = |condition: &&Condition| {
        old(&condition.type_)
            .is_none_or(|old| old.status != condition.status || old.reason != condition.reason)
    };
    after.conditions.iter().filter(is_news).collect()
}

/// Tells people. An event that cannot be written costs nothing but itself.
pub async fn tell(
    recorder: &Recorder,
    cluster: &MqttCluster,
    written: &[Written],
    news: &[&Condition],
) {
    let writes = written.iter().map(|written| Event {
        type_: EventType::Normal,
        reason: written.action.to_owned(),
        note: Some(clip(&written.note, NOTE_BYTES_MAX).to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    });
    let conditions = news.iter().map(|condition| Event {
        type_: if condition.status == "True" {
            EventType::Normal
        } else {
            EventType::Warning
        },
        reason: condition.reason.clone(),
        note: Some(
            clip(
                &format!("{}: {}", condition.type_, condition.message),
                NOTE_BYTES_MAX,
            )
            .to_owned(),
        ),
        action: condition.type_.clone(),
        secondary: None,
    });
    let about = cluster.object_ref(&());
    for event in writes.chain(conditions) {
        if let Err(error) = recorder.publish(&event, &about).await {
            tracing::warn!(reason = %event.reason, %error, "an event could not be written");
        }
    }
}
