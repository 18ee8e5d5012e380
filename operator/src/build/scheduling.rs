//! How pods are kept apart.

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::crd::Spread;
use crate::validate::ValidatedCluster;

/// One machine that fails must not take two nodes. Zones are left to people: with a constraint on them the scheduler
/// would ignore every machine that has no zone, and then keep nothing apart.
pub(super) fn constraints(cluster: &ValidatedCluster) -> Vec<TopologySpreadConstraint> {
    let constraint = |topology: &str, otherwise: &str| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: topology.to_owned(),
        when_unsatisfiable: otherwise.to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(cluster.names.selector()),
            ..LabelSelector::default()
        }),
        ..TopologySpreadConstraint::default()
    };
    let hosts = |otherwise| constraint("kubernetes.io/hostname", otherwise);
    let mut all = match cluster.scheduling.spread {
        Spread::Preferred => vec![hosts("ScheduleAnyway")],
        Spread::Required => vec![hosts("DoNotSchedule")],
        Spread::None => Vec::new(),
    };
    all.extend(
        cluster
            .scheduling
            .topology_spread_constraints
            .iter()
            .cloned(),
    );
    all
}
