//! Second step: from the resource and what it refers to, to a [`ValidatedCluster`], which exists only if it can
//! be built. Pure. Every problem becomes a sentence that says what to do; all of them are told at once.
//!
//! Most rules are also in the resource's definition, where the API server refuses at once. They are checked again
//! here, because a definition may be older than the operator.

mod listeners;
mod problem;
mod references;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements};
use kube::ResourceExt as _;

use crate::crd::{
    BrokerConfig, DeletionPolicy, ImagePullPolicy, MqttCluster, Scheduling, Storage, UsersSecret,
};
use crate::names::Names;

pub use listeners::{Certificate, ValidListener};
pub use problem::Problem;

/// A cluster that can be built.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidatedCluster {
    /// What its parts are called.
    pub names: Names,
    /// The resource's uid, for owner references.
    pub uid: String,
    /// Image of the broker.
    pub image: String,
    /// When to pull it.
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Credentials for it.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Wanted voters; odd.
    pub voters: usize,
    /// The volume of each node.
    pub storage: Storage,
    /// At least one; names and ports differ.
    pub listeners: Vec<ValidListener>,
    /// Whether clients without a name get in.
    pub anonymous: bool,
    /// Where users are; if there are none, everybody gets in.
    pub users: Option<UsersSecret>,
    /// CPU and memory.
    pub resources: Option<ResourceRequirements>,
    /// Where pods may run.
    pub scheduling: Scheduling,
    /// The broker's own.
    pub config: BrokerConfig,
    /// What becomes of volumes.
    pub deletion_policy: DeletionPolicy,
}

/// What there is around the resource, as far as it decides whether the resource can be built.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The image of a resource that names none.
    pub default_image: String,
    /// Data of the Secrets that the resource refers to; one that does not exist is missing here.
    pub secrets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Replicas of the StatefulSet, if there is one.
    pub replicas: Option<usize>,
    /// Size of the volumes that the StatefulSet asks for.
    pub volume_size: Option<String>,
    /// Class of the volumes that the StatefulSet asks for.
    pub volume_class: Option<String>,
    /// Ordinals that have a volume.
    pub volumes: Vec<usize>,
    /// Now.
    pub now: SystemTime,
}

/// Validates.
///
/// # Errors
/// Everything that is wrong, at least one.
pub fn validate(
    cluster: &MqttCluster,
    around: &Surroundings,
) -> Result<ValidatedCluster, Vec<Problem>> {
    let spec = &cluster.spec;
    let names = Names::new(cluster.name_any(), cluster.namespace().unwrap_or_default());
    let mut problems = Vec::new();
    check_name(&names.cluster, &mut problems);
    check_voters(usize::from(spec.voters), around, &mut problems);
    volumes::check(&names, spec, around, &mut problems);
    let image = image(spec.image.as_ref(), around, &mut problems);
    let listeners = listeners::validate(&spec.listeners, &mut problems);
    references::check(spec, around, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ValidatedCluster {
        names,
        uid: cluster.uid().unwrap_or_default(),
        image,
        image_pull_policy: spec.image_pull_policy,
        image_pull_secrets: spec.image_pull_secrets.clone(),
        voters: usize::from(spec.voters),
        storage: spec.storage.clone(),
        listeners,
        anonymous: spec.auth.anonymous,
        users: spec.auth.users_secret.clone(),
        resources: spec.resources.clone(),
        scheduling: spec.scheduling.clone(),
        config: spec.config.clone(),
        deletion_policy: spec.deletion_policy,
    })
}

/// Pods and Services are named after the cluster, and those names must fit into 63 characters.
const NAME_CHARACTERS_MAX: usize = 40;

fn check_name(name: &str, problems: &mut Vec<Problem>) {
    if name.len() > NAME_CHARACTERS_MAX {
        problems.push(Problem::new(
            "NameTooLong",
            format!(
                "The name {name} has {} characters; at most {NAME_CHARACTERS_MAX} leave room for the names of pods and Services. Apply it under a shorter name.",
                name.len()
            ),
        ));
    }
    if !is_label(name) {
        problems.push(Problem::new(
            "NameNotAllowed",
            format!(
                "The name {name} cannot be the name of a Service: it must begin with a letter and hold only lower-case letters, digits and '-'."
            ),
        ));
    }
}

/// A name that a Service can have.
fn is_label(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(letter)
        && name.chars().all(|c| letter(c) || c == '-')
}

fn check_voters(voters: usize, around: &Surroundings, problems: &mut Vec<Problem>) {
    if ![1, 3, 5, 7].contains(&voters) {
        problems.push(Problem::new(
            "VotersNotOdd",
            format!(
                "voters is {voters}; it must be 1, 3, 5 or 7: an even number survives no more failures than the odd one below it."
            ),
        ));
    } else if let Some(replicas) = around.replicas
        && voters < replicas
    {
        problems.push(Problem::new(
            "VotersLowered",
            format!(
                "voters is {voters}, but the cluster has {replicas} nodes; taking nodes out of a running cluster is not built yet. Set voters back to {replicas}."
            ),
        ));
    }
}

fn image(image: Option<&String>, around: &Surroundings, problems: &mut Vec<Problem>) -> String {
    let image = image.unwrap_or(&around.default_image);
    let is_reference = !image.is_empty() && image.chars().all(|c| c.is_ascii_graphic());
    if !is_reference {
        problems.push(Problem::new(
            "ImageNotAllowed",
            format!("The image {image:?} is no image reference; give it as REGISTRY/NAME:TAG."),
        ));
    }
    image.clone()
}
