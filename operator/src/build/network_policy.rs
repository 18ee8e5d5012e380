//! The NetworkPolicy: clients reach the listeners, nodes reach each other, the operator reaches the admin port,
//! monitoring reaches HTTP. What leaves the pods is not limited.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::meta;
use crate::names::{ADMIN_PORT, FIELD_MANAGER, HTTP_PORT, Labels, PEERS_PORT};
use crate::validate::ValidatedCluster;

pub(super) fn build(cluster: &ValidatedCluster) -> NetworkPolicy {
    let listeners = cluster.listeners.iter().map(|listener| listener.port);
    let anybody: Vec<u16> = listeners.chain([HTTP_PORT]).collect();
    let nodes = NetworkPolicyPeer {
        pod_selector: Some(selector(cluster.names.selector())),
        ..NetworkPolicyPeer::default()
    };
    NetworkPolicy {
        metadata: meta(cluster, cluster.names.main()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(cluster.names.selector())),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![
                rule(None, &anybody),
                rule(Some(nodes), &[PEERS_PORT]),
                rule(Some(operator()), &[ADMIN_PORT]),
            ]),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// The operator's pods, in whatever namespace.
fn operator() -> NetworkPolicyPeer {
    let labels = [(
        "app.kubernetes.io/name".to_owned(),
        FIELD_MANAGER.to_owned(),
    )];
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        pod_selector: Some(selector(labels.into())),
        ..NetworkPolicyPeer::default()
    }
}

fn selector(labels: Labels) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels),
        ..LabelSelector::default()
    }
}

fn rule(from: Option<NetworkPolicyPeer>, ports: &[u16]) -> NetworkPolicyIngressRule {
    let port = |number: &u16| NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(*number))),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicyIngressRule {
        from: from.map(|peer| vec![peer]),
        ports: Some(ports.iter().map(port).collect()),
    }
}
