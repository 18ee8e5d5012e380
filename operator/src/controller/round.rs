//! One look at one resource: the five steps in their order.

use std::time::{Duration, SystemTime};

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;

use super::make::{Made, make};
use super::observe::{Seen, observe};
use super::{Context, step};
use crate::api_error::{Refusal, explain};
use crate::apply::{self, ApplyError, Written};
use crate::conditions::{self, Learned, Outcome};
use crate::crd::MqttCluster;
use crate::dereference::{DereferenceError, Found, dereference};
use crate::events;
use crate::limits::LOOK_PAUSE_MIN;
use crate::listeners;
use crate::membership::{self, Next, Plan, Told};
use crate::names::Names;
use crate::pods;
use crate::tls::{TlsError, Which};
use crate::update_status::{UpdateStatusError, update_status};
use crate::validate::{Surroundings, ValidatedCluster, validate};

/// Why a look did not end well. Each comes again after a pause that grows.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// First step.
    #[error(transparent)]
    Dereference(#[from] DereferenceError),
    /// Third step, a certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Third step, an object.
    #[error("an object cannot be written as JSON: {0}")]
    Build(#[from] serde_json::Error),
    /// Fourth step.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Last step.
    #[error(transparent)]
    UpdateStatus(#[from] UpdateStatusError),
}

impl ReconcileError {
    /// One word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dereference(_) => "dereference",
            Self::Tls(_) => "tls",
            Self::Build(_) => "build",
            Self::Apply(_) => "apply",
            Self::UpdateStatus(_) => "update_status",
        }
    }

    /// Whether somebody else has just written: no failure, only a reason to look again.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::UpdateStatus(error) if error.is_conflict())
    }

    /// For a condition.
    fn explain(&self) -> Refusal {
        let other = |reason, error: &dyn std::fmt::Display| Refusal {
            reason,
            message: format!("{error}."),
        };
        match self {
            Self::Dereference(error) => explain(&format!("reading {}", error.what), &error.source),
            Self::Apply(error) => error.explain(),
            Self::UpdateStatus(error) => explain("writing the status", error.source()),
            Self::Tls(error) => other("CertificateFailed", error),
            Self::Build(error) => other("BuildFailed", error),
        }
    }
}

/// Looks at a resource; answers when to look again.
pub(super) async fn round(
    context: &Context,
    cluster: &MqttCluster,
) -> Result<Duration, ReconcileError> {
    let names = Names::new(cluster.name_any(), cluster.namespace().unwrap_or_default());
    let found = dereference(&context.client, &names, cluster).await?;
    let validated = validate(cluster, &surroundings(context, &found));
    let seen = look(cluster, &names, &found, validated.as_ref().ok()).await;
    let plan = membership::plan(&seen.observed);

    let mut written = Vec::new();
    let is_paused = cluster.spec.paused;
    let made = match &validated {
        Ok(validated) if !is_paused => {
            Some(make(context, validated, &found, &seen, &plan, &mut written).await)
        }
        Ok(_) | Err(_) => None,
    };
    if !is_paused {
        act(context, &names, cluster, &found, &seen, &plan, &mut written).await?;
    }
    let (made, failed) = match made {
        Some(Ok(made)) => (Some(made), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let outcome = match (&made, &failed, &validated) {
        _ if is_paused => Outcome::Paused,
        (_, Some(error), _) => Outcome::Failed(error.explain()),
        (_, _, Err(problems)) => Outcome::Invalid(problems),
        (Some(made), None, Ok(_)) if !made.rollout.held.is_empty() => {
            Outcome::Held(&made.rollout.held)
        }
        (_, None, Ok(_)) => Outcome::Applied,
    };
    let learned = learned(&names, &found, &seen, &plan, made.as_ref(), outcome);
    finish(context, cluster, &learned, &written).await?;
    match failed {
        Some(error) => Err(error),
        None => Ok(plan.look_again().max(LOOK_PAUSE_MIN)),
    }
}

/// Asks the nodes.
async fn look(
    cluster: &MqttCluster,
    names: &Names,
    found: &Found,
    validated: Option<&ValidatedCluster>,
) -> Seen {
    let voters = match validated {
        Some(validated) => validated.voters,
        // What is wrong changes nothing of what runs.
        None => found
            .replicas()
            .unwrap_or_else(|| usize::from(cluster.spec.voters) | 1),
    };
    let known = cluster
        .status
        .as_ref()
        .and_then(|status| status.cluster_id.clone());
    let known = known.or_else(|| found.cluster_of_volumes());
    observe(names, found, voters, known).await
}

/// What is done to pods, volumes and the membership.
async fn act(
    context: &Context,
    names: &Names,
    cluster: &MqttCluster,
    found: &Found,
    seen: &Seen,
    plan: &Plan,
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let client = &context.client;
    apply::open_gates(client, names, found, plan, written).await?;
    if let Some(id) = &seen.observed.cluster {
        let pods = seen.observed.pods.iter();
        let members =
            pods.filter(|pod| matches!(&pod.told, Told::Member(view) if view.cluster == *id));
        let ordinals: Vec<usize> = members.map(|pod| pod.ordinal).collect();
        apply::mark_volumes(client, names, found, id, &ordinals, written).await?;
    }
    written.extend(step::take(context, names, cluster, seen, plan).await);
    Ok(())
}

fn learned<'a>(
    names: &Names,
    found: &Found,
    seen: &Seen,
    plan: &'a Plan,
    made: Option<&Made>,
    outcome: Outcome<'a>,
) -> Learned<'a> {
    let wanted = seen.observed.voters;
    let is_ready = |ordinal: &usize| found.pods.get(ordinal).is_some_and(pods::is_ready);
    let trouble = |ordinal: usize| match found.pods.get(&ordinal) {
        Some(pod) => match found.refused_volumes.get(&ordinal) {
            Some(said) => Some(pods::refused_volume(&names.claim(ordinal), said)),
            None => pods::trouble(pod),
        },
        None => found.refused_pods.as_deref().map(pods::refused),
    };
    let not_ready = (0..wanted).filter(|ordinal| !is_ready(ordinal));
    let ends = made.and_then(|made| made.certificates.ends.get(&Which::Nodes));
    let ends = ends.and_then(|ends| jiff::Timestamp::try_from(*ends).ok());
    Learned {
        plan,
        cluster: confirmed(seen, plan),
        wanted,
        pods: found.pods.len(),
        ready: (0..wanted).filter(is_ready).count(),
        not_ready: not_ready
            .map(|ordinal| (names.pod(ordinal), trouble(ordinal)))
            .collect(),
        certificates: made.map(|made| made.certificates.finding.clone()),
        certificate_ends: ends.map(|ends| ends.to_string()),
        outcome,
        listeners: listeners::addresses(names, found),
        version: listeners::version(found),
        selector: names.selector_text(),
    }
}

/// The cluster to be noted in the status: what the planner wants recorded; or, where the status was lost and the
/// volumes' marks have told which it is, that cluster, once a node says the same.
fn confirmed(seen: &Seen, plan: &Plan) -> Option<String> {
    if let Next::Record { cluster } = &plan.next {
        return Some(cluster.clone());
    }
    let known = seen.observed.cluster.as_ref()?;
    let mut pods = seen.observed.pods.iter();
    let says = pods.any(|pod| matches!(&pod.told, Told::Member(view) if view.cluster == *known));
    says.then(|| known.clone())
}

/// Last step. What is to be recorded is recorded here, with the version of the resource that was read.
async fn finish(
    context: &Context,
    cluster: &MqttCluster,
    learned: &Learned<'_>,
    written: &[Written],
) -> Result<(), ReconcileError> {
    let status = conditions::status(cluster, learned, jiff::Timestamp::now());
    for kind in written.iter().filter_map(|written| written.kind.as_ref()) {
        context.metrics.wrote(kind);
    }
    let done = update_status(&context.client, cluster, &status).await;
    let is_written = *done.as_ref().unwrap_or(&false);
    let mut told = events::of_writes(written);
    if is_written {
        context.metrics.wrote("MqttCluster");
        told.extend(events::of_conditions(cluster.status.as_ref(), &status));
    }
    events::tell(&context.recorder, cluster, told).await;
    done?;
    Ok(())
}

fn surroundings(context: &Context, found: &Found) -> Surroundings {
    let claim = |set: &StatefulSet| {
        let templates = set.spec.as_ref()?.volume_claim_templates.clone()?;
        templates.into_iter().next()?.spec
    };
    let claim = found.set.as_ref().and_then(claim);
    let size = |claim: &k8s_openapi::api::core::v1::PersistentVolumeClaimSpec| {
        let requests = claim.resources.as_ref()?.requests.as_ref()?;
        Some(requests.get("storage")?.0.clone())
    };
    Surroundings {
        default_image: context.default_image.clone(),
        secrets: found.referenced.clone(),
        replicas: found.replicas(),
        volume_size: claim.as_ref().and_then(size),
        volume_class: claim.and_then(|claim| claim.storage_class_name),
        volumes: found.claims.keys().copied().collect(),
        now: SystemTime::now(),
    }
}
