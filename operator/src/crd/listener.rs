//! Where clients connect.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A port for clients on every node, and a Service that leads to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.tls) || self.protocol == 'mqtts'").message(
        "tls is given for a listener that does not speak TLS: set protocol to mqtts, or remove tls"
    )
)]
pub struct Listener {
    /// Name; the Service is named CLUSTER-NAME.
    #[schemars(length(min = 1, max = 15))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
            "a listener's name must begin with a letter and hold only lower-case letters, digits and '-'"
        ),
        validation = Rule::new("!(self in ['nodes', 'peers', 'admin', 'http'])").message(
            "the names nodes, peers, admin and http belong to the cluster's own ports"
        )
    )]
    pub name: String,

    /// mqtt is MQTT on plain TCP; mqtts is MQTT on TLS. Default: mqtt.
    #[serde(default)]
    pub protocol: Protocol,

    /// Port of the nodes and of the Service, from 1024 on, because nodes run without privileges.
    #[schemars(range(min = 1024, max = 65535))]
    #[x_kube(validation = Rule::new("!(self in [7883, 7983, 9883])").message(
        "the ports 7883, 7983 and 9883 belong to the nodes, the operator and monitoring"
    ))]
    pub port: u16,

    /// Certificate of a listener that speaks TLS. Default: one that the operator makes, from the CA in the Secret
    /// CLUSTER-client-ca.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTls>,

    /// The Service that leads to this listener.
    #[serde(default)]
    pub service: ServiceSettings,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// MQTT on plain TCP.
    #[default]
    Mqtt,
    /// MQTT on TLS.
    Mqtts,
}

impl Protocol {
    /// The URL's scheme.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
        }
    }
}

/// Where a listener's certificate comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerTls {
    /// Secret of this namespace with tls.crt and tls.key, made by you or by cert-manager. Its changes reach the
    /// nodes within about a minute, without a restart. Default: the operator makes the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,

    /// Names and IP addresses by which clients call this listener, for a certificate that the operator makes. The
    /// names of the Services are always in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub names: Vec<String>,
}

/// A listener's Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.nodePort) || self.type != 'ClusterIP'").message(
        "service.nodePort is given for a Service without one: set service.type to NodePort or LoadBalancer"
    )
)]
pub struct ServiceSettings {
    /// ClusterIP (inside Kubernetes only), NodePort or LoadBalancer. Default: ClusterIP.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,

    /// Port on every machine. Default: Kubernetes chooses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<u16>,

    /// Annotations of the Service, as load balancers want them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// How far a Service reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Inside Kubernetes.
    #[default]
    ClusterIP,
    /// A port on every machine.
    NodePort,
    /// An address from outside.
    LoadBalancer,
}

impl ServiceType {
    /// As Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}
