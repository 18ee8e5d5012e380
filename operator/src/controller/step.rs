//! Carries out what the membership's planner wants, one step.

use kube::{Api, ResourceExt as _};

use super::Context;
use super::observe::Seen;
use crate::apply::Written;
use crate::crd::MqttCluster;
use crate::membership::{Next, Plan};
use crate::names::Names;

/// Carries out the step. A step that fails is not an error of the reconcile: the next look decides anew by what
/// is the case then. Answers with what to tell.
pub(super) async fn take(
    context: &Context,
    names: &Names,
    cluster: &MqttCluster,
    seen: &Seen,
    plan: &Plan,
) -> Option<Written> {
    let action = match &plan.next {
        Next::Nothing | Next::Wait | Next::Stuck | Next::Record { .. } => return None,
        Next::Initialise { .. } => "Initialised",
        Next::Add { .. } => "Added",
        Next::Promote(_) => "Promoted",
        Next::Remove(_) => "Removed",
        Next::Drain(_) => "Drained",
        Next::Undrain(_) => "Undrained",
    };
    if matches!(plan.next, Next::Initialise { .. }) && !is_first(context, names, cluster).await {
        tracing::info!(cluster = %names.cluster, "the resource has changed: no cluster is begun before it is read again");
        return None;
    }
    let nodes = seen.nodes.as_ref()?;
    match nodes.carry_out(&plan.next, &seen.addresses).await {
        Ok(note) => {
            context.metrics.stepped(action, "ok");
            tracing::info!(cluster = %names.cluster, action, note, "membership");
            Some(Written {
                action,
                kind: None,
                note,
            })
        }
        Err(error) => {
            context.metrics.stepped(action, error.kind());
            tracing::warn!(cluster = %names.cluster, action, %error, "a step of the membership was not done");
            None
        }
    }
}

/// Whether the resource is still the one that was read, and still knows of no cluster: what was read may come
/// from a watch that lags behind.
async fn is_first(context: &Context, names: &Names, cluster: &MqttCluster) -> bool {
    let api = Api::<MqttCluster>::namespaced(context.client.clone(), &names.namespace);
    let Ok(fresh) = api.get(&names.cluster).await else {
        return false;
    };
    let known = fresh
        .status
        .as_ref()
        .and_then(|status| status.cluster_id.as_ref());
    fresh.uid() == cluster.uid() && known.is_none() && fresh.metadata.deletion_timestamp.is_none()
}
