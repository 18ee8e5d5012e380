//! Third and fourth step: certificates, what pods may be, all objects, and their way to the API server.

use std::time::SystemTime;

use super::Context;
use super::observe::Seen;
use super::round::ReconcileError;
use crate::apply::{self, Written};
use crate::build::{self, Circumstances, NodeSet};
use crate::dereference::Found;
use crate::membership::Plan;
use crate::rollout::{self, Rollout};
use crate::tls;
use crate::validate::{Certificate, ValidatedCluster};

/// What has become of the third and fourth step.
pub(super) struct Made {
    pub(super) rollout: Rollout,
    pub(super) certificates: tls::Plan,
}

/// Third and fourth step.
pub(super) async fn make(
    context: &Context,
    cluster: &ValidatedCluster,
    found: &Found,
    seen: &Seen,
    plan: &Plan,
    written: &mut Vec<Written>,
) -> Result<Made, ReconcileError> {
    let certificates = tls::plan(&certificates_wanted(cluster), &found.tls, SystemTime::now())?;
    let wanted = NodeSet::wanted(cluster)?;
    let applied = match NodeSet::applied(found.set.as_ref()) {
        Some(applied) => Some(applied),
        None => recovered(found, &wanted)?,
    };
    let rollout = rollout::decide(applied, wanted, seen.observed.cluster.is_some());
    let circumstances = Circumstances {
        secrets: certificates.secrets.clone(),
        nodes: rollout.nodes.clone(),
        may_disrupt: plan.is_stable(),
    };
    let objects = build::build(cluster, &circumstances)?;
    let (client, names, uid) = (&context.client, &cluster.names, &cluster.uid);
    apply::apply(client, &context.settled, names, uid, &objects, written).await?;
    apply::delete_services(client, names, uid, found, &objects, written).await?;
    if seen.observed.cluster.is_none() {
        apply::replace_broken(client, names, found, written).await?;
    }
    written.extend(certificates.changed.iter().map(|changed| Written {
        action: "CertificateMade",
        kind: None,
        note: changed.why.clone(),
    }));
    Ok(Made {
        rollout,
        certificates,
    })
}

fn recovered(found: &Found, wanted: &NodeSet) -> Result<Option<NodeSet>, serde_json::Error> {
    let Some(spec) = found.set.as_ref().and_then(|set| set.spec.as_ref()) else {
        return Ok(None);
    };
    let template = serde_json::to_value(&spec.template)?;
    let files = found
        .config
        .as_ref()
        .and_then(|config| config.data.as_ref());
    let config = files.and_then(|files| files.values().next());
    Ok(Some(rollout::recover(&template, config, wanted)))
}

fn certificates_wanted(cluster: &ValidatedCluster) -> tls::Wanted {
    let names = &cluster.names;
    let listeners = cluster.listeners.iter();
    let ours = listeners.filter_map(|listener| match &listener.certificate {
        Certificate::Ours(more) => Some((names.service(&listener.name), more)),
        Certificate::None | Certificate::Secret(_) => None,
    });
    let (services, more): (Vec<String>, Vec<&Vec<String>>) = ours.unzip();
    let more: Vec<String> = more.into_iter().flatten().cloned().collect();
    let clients =
        (!services.is_empty()).then(|| tls::client_names(&services, &names.namespace, &more));
    tls::Wanted {
        cluster: names.cluster.clone(),
        nodes: tls::node_names(&names.main(), &names.headless(), &names.namespace),
        clients,
    }
}
