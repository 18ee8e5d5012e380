//! What is driven: each resource is looked at when something of it changes and from time to time, and each look
//! takes the five steps: `dereference`, `validate`, `build`, `apply`, `update_status`.

mod context;
mod make;
mod observe;
mod retry;
mod round;
mod step;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt as _};

use crate::crd::MqttCluster;
use crate::limits::{DEBOUNCE, RECONCILES_MAX};
use crate::names::{cluster_of, managed_selector};

pub use context::Context;
pub use round::ReconcileError;

/// Looks after all resources until it is dropped.
pub async fn run(context: Arc<Context>) {
    let client = &context.client;
    let managed = || watcher::Config::default().labels(&managed_selector());
    let config = Config::default()
        .concurrency(RECONCILES_MAX)
        .debounce(DEBOUNCE);
    Controller::new(
        Api::<MqttCluster>::all(client.clone()),
        watcher::Config::default(),
    )
    .with_config(config)
    .owns(all::<StatefulSet>(client), managed())
    .owns(all::<Service>(client), managed())
    .owns(all::<ConfigMap>(client), managed())
    .owns(all::<Secret>(client), managed())
    .owns(all::<ServiceAccount>(client), managed())
    .owns(all::<NetworkPolicy>(client), managed())
    .owns(all::<PodDisruptionBudget>(client), managed())
    .watches(all::<Pod>(client), managed(), |pod| cluster(&pod))
    .run(reconcile, on_error, context.clone())
    .for_each(|done| async move {
        if let Err(error) = done {
            tracing::debug!(%error, "a reconcile did not end well");
        }
    })
    .await;
}

fn all<K>(client: &Client) -> Api<K>
where
    K: kube::Resource<DynamicType = ()>,
{
    Api::all(client.clone())
}

/// The resource that a pod belongs to.
fn cluster(pod: &Pod) -> Option<ObjectRef<MqttCluster>> {
    let name = cluster_of(pod.labels())?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

async fn reconcile(
    cluster: Arc<MqttCluster>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let name = format!(
        "{}/{}",
        cluster.namespace().unwrap_or_default(),
        cluster.name_any()
    );
    if cluster.metadata.deletion_timestamp.is_some() {
        // Owner references take everything along; there is no finalizer that could get stuck.
        context.retries.forget(&name);
        return Ok(Action::await_change());
    }
    let begun = Instant::now();
    let done = round::round(&context, &cluster).await;
    let kind = done.as_ref().err().map(ReconcileError::kind);
    context.metrics.reconciled(begun.elapsed(), kind);
    match done {
        Ok(again) => {
            context.retries.forget(&name);
            Ok(Action::requeue(again))
        }
        Err(error) => {
            tracing::warn!(cluster = %name, %error, "the cluster is not as it should be");
            Err(error)
        }
    }
}

fn on_error(cluster: Arc<MqttCluster>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let name = format!(
        "{}/{}",
        cluster.namespace().unwrap_or_default(),
        cluster.name_any()
    );
    let pause: Duration = if error.is_conflict() {
        crate::limits::RETRY_PAUSE_MIN
    } else {
        context.retries.pause(&name)
    };
    Action::requeue(pause)
}
