//! Listeners: names and ports that differ, and where each certificate comes from.

use std::collections::BTreeSet;

use super::{Problem, is_label};
use crate::crd::{Listener, Protocol, ServiceSettings, ServiceType};
use crate::names::{ADMIN_PORT, HTTP_PORT, PEERS_PORT};

/// A listener that can be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidListener {
    /// Its name.
    pub name: String,
    /// Port of nodes and Service.
    pub port: u16,
    /// TLS or not, and whose certificate.
    pub certificate: Certificate,
    /// Its Service.
    pub service: ServiceSettings,
}

/// Where a listener's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// It speaks no TLS.
    None,
    /// The operator makes it, with these names besides those of the Services.
    Ours(Vec<String>),
    /// A Secret has it.
    Secret(String),
}

impl ValidListener {
    /// The URL's scheme.
    pub fn scheme(&self) -> &'static str {
        match self.certificate {
            Certificate::None => Protocol::Mqtt.scheme(),
            Certificate::Ours(_) | Certificate::Secret(_) => Protocol::Mqtts.scheme(),
        }
    }
}

/// A port that says what it is for may have this many characters.
const NAME_CHARACTERS_MAX: usize = 15;
/// Nodes have no privileges, so they cannot open ports below.
const PORT_MIN: u16 = 1024;
/// Names of the cluster's own ports and Services.
const NAMES_TAKEN: [&str; 4] = ["nodes", "peers", "admin", "http"];

pub(super) fn validate(listeners: &[Listener], problems: &mut Vec<Problem>) -> Vec<ValidListener> {
    if listeners.is_empty() {
        problems.push(Problem::new(
            "NoListener",
            "listeners is empty, so that no client could connect; name at least one.",
        ));
    }
    let mut names = BTreeSet::new();
    let mut ports = BTreeSet::new();
    let mut node_ports = BTreeSet::new();
    for listener in listeners {
        let Listener { name, port, .. } = listener;
        check(listener, problems);
        if !names.insert(name) {
            problems.push(Problem::new(
                "ListenerTwice",
                format!("Two listeners are named {name}; each needs a name of its own."),
            ));
        }
        if !ports.insert(port) {
            problems.push(Problem::new(
                "PortTwice",
                format!("Two listeners have port {port}; give each a port of its own."),
            ));
        }
        if let Some(node_port) = listener.service.node_port
            && !node_ports.insert(node_port)
        {
            problems.push(Problem::new(
                "NodePortTwice",
                format!(
                    "Two listeners have nodePort {node_port}; give each one of its own, or none."
                ),
            ));
        }
    }
    listeners.iter().map(valid).collect()
}

fn check(listener: &Listener, problems: &mut Vec<Problem>) {
    let Listener { name, port, .. } = listener;
    if !is_label(name) || name.len() > NAME_CHARACTERS_MAX || NAMES_TAKEN.contains(&&**name) {
        problems.push(Problem::new(
            "ListenerName",
            format!(
                "A listener cannot be named {name}: it takes a letter first, then lower-case letters, digits and '-', at most {NAME_CHARACTERS_MAX} in all, and not {}.",
                NAMES_TAKEN.join(", ")
            ),
        ));
    }
    if *port < PORT_MIN || [PEERS_PORT, ADMIN_PORT, HTTP_PORT].contains(port) {
        problems.push(Problem::new(
            "PortNotAllowed",
            format!(
                "Listener {name} cannot have port {port}: ports below {PORT_MIN} need privileges, and {PEERS_PORT}, {ADMIN_PORT} and {HTTP_PORT} belong to the nodes themselves."
            ),
        ));
    }
    if listener.tls.is_some() && listener.protocol == Protocol::Mqtt {
        problems.push(Problem::new(
            "TlsWithoutTls",
            format!("Listener {name} has tls, but its protocol is mqtt; set protocol to mqtts, or remove tls."),
        ));
    }
    if listener.service.node_port.is_some() && listener.service.kind == ServiceType::ClusterIP {
        problems.push(Problem::new(
            "NodePortWithoutNodePort",
            format!("Listener {name} has a nodePort, but its Service is a ClusterIP; set service.type to NodePort or LoadBalancer."),
        ));
    }
    let names = listener.tls.iter().flat_map(|tls| &tls.names);
    for wrong in names.filter(|name| !is_subject(name)) {
        problems.push(Problem::new(
            "CertificateName",
            format!("Listener {name} wants a certificate for {wrong:?}, which is neither a DNS name nor an IP address."),
        ));
    }
}

/// What can stand in a certificate.
fn is_subject(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let is_part = |part: &str| {
        let letters = part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        letters && !part.is_empty() && part.len() <= 63
    };
    name.parse::<std::net::IpAddr>().is_ok() || (name.len() <= 253 && name.split('.').all(is_part))
}

fn valid(listener: &Listener) -> ValidListener {
    let tls = listener.tls.clone().unwrap_or_default();
    let certificate = match (listener.protocol, tls.secret_name) {
        (Protocol::Mqtt, _) => Certificate::None,
        (Protocol::Mqtts, None) => Certificate::Ours(tls.names),
        (Protocol::Mqtts, Some(secret)) => Certificate::Secret(secret),
    };
    ValidListener {
        name: listener.name.clone(),
        port: listener.port,
        certificate,
        service: listener.service.clone(),
    }
}
