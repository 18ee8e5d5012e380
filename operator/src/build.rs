//! Third step: from a [`ValidatedCluster`] to every object that should exist. Pure; one file per kind.

mod budget;
mod claim;
mod config;
mod config_map;
mod meta;
mod network_policy;
mod node_set;
mod object;
mod pod;
mod probes;
mod scheduling;
mod secret;
mod service;
mod service_account;
mod stateful_set;
#[cfg(test)]
mod tests;
mod trust;
mod volumes;

use std::collections::BTreeMap;

use crate::tls::{Data, Which};
use crate::validate::ValidatedCluster;

pub use node_set::NodeSet;
pub use object::Object;

/// What the objects depend on besides the resource.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Whole content of the Secrets that should exist.
    pub secrets: BTreeMap<Which, Data>,
    /// What pods are allowed to be now: as the resource wants, or as before if that is held back.
    pub nodes: NodeSet,
    /// Whether a pod may be evicted.
    pub may_disrupt: bool,
}

/// Every object, in the order in which they are to be applied: what others need comes first.
///
/// # Errors
/// An object cannot be written as JSON.
pub fn build(
    cluster: &ValidatedCluster,
    circumstances: &Circumstances,
) -> Result<Vec<Object>, serde_json::Error> {
    let mut objects = vec![Object::of(&service_account::build(cluster))?];
    for (which, data) in &circumstances.secrets {
        objects.push(Object::of(&secret::build(cluster, *which, data))?);
    }
    let ca = circumstances.secrets.get(&Which::ClientCa);
    if let Some(trust) = trust::build(cluster, ca) {
        objects.push(Object::of(&trust)?);
    }
    let nodes = &circumstances.nodes;
    objects.push(Object::of(&config_map::build(cluster, &nodes.config))?);
    objects.push(Object::of(&service::headless(cluster))?);
    for listener in &cluster.listeners {
        objects.push(Object::of(&service::client(cluster, listener))?);
    }
    objects.push(Object::of(&network_policy::build(cluster))?);
    objects.push(Object::of(&budget::build(
        cluster,
        circumstances.may_disrupt,
    ))?);
    objects.push(Object::of(&stateful_set::build(cluster, nodes)?)?);
    Ok(objects)
}
