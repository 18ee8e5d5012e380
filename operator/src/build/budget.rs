//! The PodDisruptionBudget: one pod at a time, and none while the cluster could not spare it.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::meta;
use crate::validate::ValidatedCluster;

pub(super) fn build(cluster: &ValidatedCluster, may_disrupt: bool) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: meta(cluster, cluster.names.main()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(i32::from(may_disrupt))),
            selector: Some(LabelSelector {
                match_labels: Some(cluster.names.selector()),
                ..LabelSelector::default()
            }),
            unhealthy_pod_eviction_policy: Some(EVICT_UNHEALTHY.to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}

/// A pod that is not ready may only be evicted while enough others are: it may hold the vote that is needed.
const EVICT_UNHEALTHY: &str = "IfHealthyBudget";
