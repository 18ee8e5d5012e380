//! Services: the headless one that names pods, and one for each listener.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::meta;
use crate::crd::ServiceType;
use crate::names::{ADMIN_PORT, HTTP_PORT, PEERS_PORT};
use crate::validate::{ValidListener, ValidatedCluster};

/// Names for every pod, also for those that are not ready: nodes must find each other to become ready.
pub(super) fn headless(cluster: &ValidatedCluster) -> Service {
    let ports = [
        ("peers", PEERS_PORT),
        ("admin", ADMIN_PORT),
        ("http", HTTP_PORT),
    ];
    Service {
        metadata: meta(cluster, cluster.names.headless()),
        spec: Some(ServiceSpec {
            type_: Some(ServiceType::ClusterIP.name().to_owned()),
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(cluster.names.selector()),
            ports: Some(ports.map(|(name, number)| port(name, number)).into()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Where clients of a listener connect.
pub(super) fn client(cluster: &ValidatedCluster, listener: &ValidListener) -> Service {
    let mut metadata = meta(cluster, cluster.names.service(&listener.name));
    let annotations = listener.service.annotations.clone();
    metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    let mut port = port(&listener.name, listener.port);
    port.target_port = Some(IntOrString::String(listener.name.clone()));
    port.node_port = listener.service.node_port.map(i32::from);
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(listener.service.kind.name().to_owned()),
            selector: Some(cluster.names.selector()),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(name: &str, number: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        target_port: Some(IntOrString::String(name.to_owned())),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}
