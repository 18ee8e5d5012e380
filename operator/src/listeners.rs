//! Where clients connect, as the Services say, for the status. Pure.

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::ResourceExt as _;
use serde_json::Value;

use crate::build::NodeSet;
use crate::crd::ListenerStatus;
use crate::dereference::Found;
use crate::names::Names;

/// The scheme of a listener stands in its nodes' configuration, which is what they really speak.
pub fn addresses(names: &Names, found: &Found) -> Vec<ListenerStatus> {
    let config =
        NodeSet::applied(found.set.as_ref()).map_or_else(String::new, |nodes| nodes.config);
    let services = found.services.values();
    let listeners = services.filter_map(|service| {
        let listener = service.name_any();
        let listener = listener
            .strip_prefix(&format!("{}-", names.cluster))?
            .to_owned();
        let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
        if names.headless() == service.name_any() {
            return None;
        }
        let is_tls = config.contains(&format!("mqtts://0.0.0.0:{}", port.port));
        let scheme = if is_tls { "mqtts" } else { "mqtt" };
        Some(ListenerStatus {
            addresses: urls(names, service, port, scheme),
            name: listener,
        })
    });
    listeners.collect()
}

fn urls(names: &Names, service: &Service, port: &ServicePort, scheme: &str) -> Vec<String> {
    let name = service.name_any();
    let mut urls = vec![format!(
        "{scheme}://{name}.{}.svc:{}",
        names.namespace, port.port
    )];
    if let Some(node_port) = port.node_port {
        urls.push(format!("{scheme}://ANY-MACHINE:{node_port}"));
    }
    let status = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|status| status.ingress.as_ref());
    for point in ingress.into_iter().flatten() {
        if let Some(host) = point.hostname.as_ref().or(point.ip.as_ref()) {
            urls.push(format!("{scheme}://{host}:{}", port.port));
        }
    }
    urls
}

/// The tag of the image that pods have.
pub fn version(found: &Found) -> Option<String> {
    let nodes = NodeSet::applied(found.set.as_ref())?;
    let image = nodes
        .template
        .pointer("/spec/containers/0/image")
        .and_then(Value::as_str)?;
    let last = image.rsplit('/').next()?;
    Some(match last.split_once(['@', ':']) {
        Some((_, tag)) => tag.to_owned(),
        None => "latest".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_load_balancer_adds_its_addresses() {
        let service: Service = serde_json::from_value(json!({
            "metadata": { "name": "demo-mqtt" },
            "spec": { "ports": [{ "port": 1883, "nodePort": 30883 }] },
            "status": { "loadBalancer": { "ingress": [{ "ip": "203.0.113.7" }] } }
        }))
        .unwrap();
        let mut found = Found::default();
        found.services.insert("demo-mqtt".to_owned(), service);
        let told = addresses(&Names::new("demo", "shop"), &found);
        assert_eq!(told[0].name, "mqtt");
        assert_eq!(
            told[0].addresses,
            [
                "mqtt://demo-mqtt.shop.svc:1883",
                "mqtt://ANY-MACHINE:30883",
                "mqtt://203.0.113.7:1883"
            ]
        );
    }
}
