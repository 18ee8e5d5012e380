//! Whether a change of what pods are may be written now. Pure. Leading a change through running pods is not built
//! yet, so one that running pods would need a restart for is held back: with `OnDelete` a pod that crashes would
//! take it alone, and nobody would have checked that the cluster can bear it.

use serde_json::Value;

use crate::build::NodeSet;
use crate::compare::holds;

/// What pods are allowed to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// To be written.
    pub nodes: NodeSet,
    /// What is wanted and held back, for people; empty if nothing is.
    pub held: Vec<String>,
}

/// Decides. `applied` is what was written last, `formed` whether there is a cluster: before there is one nothing
/// can be lost, and a mistake in the first manifest must be possible to correct.
pub fn decide(applied: Option<NodeSet>, wanted: NodeSet, formed: bool) -> Rollout {
    let Some(applied) = applied.filter(|_| formed) else {
        return Rollout {
            nodes: wanted,
            held: Vec::new(),
        };
    };
    let held = differences(&applied, &wanted);
    Rollout {
        nodes: if held.is_empty() { wanted } else { applied },
        held,
    }
}

/// What was written last, from the objects themselves, when the StatefulSet does not remember it: somebody has
/// edited it. Pods that hold all that is wanted are what is wanted; the rest are defaults.
pub fn recover(template: &Value, config: Option<&String>, wanted: &NodeSet) -> NodeSet {
    NodeSet {
        template: if holds(template, &wanted.template) {
            wanted.template.clone()
        } else {
            template.clone()
        },
        config: config.unwrap_or(&wanted.config).clone(),
    }
}

/// What is held back when it is nothing that the resource says: another version of the operator makes other pods.
pub const OTHER: &str = "the pods' template";

/// Parts of a template by what people set them with.
const PARTS: [(&str, &str); 6] = [
    ("image", "/spec/containers/0/image"),
    ("resources", "/spec/containers/0/resources"),
    ("listeners", "/spec/containers/0/ports"),
    ("Secrets of auth and listeners", "/spec/volumes"),
    ("scheduling", "/spec/affinity"),
    ("scheduling", "/spec/tolerations"),
];

fn differences(applied: &NodeSet, wanted: &NodeSet) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut note = |part: &str| {
        if !parts.iter().any(|known| known == part) {
            parts.push(part.to_owned());
        }
    };
    for (part, path) in PARTS {
        if applied.template.pointer(path) != wanted.template.pointer(path) {
            note(part);
        }
    }
    if applied.config != wanted.config {
        note("config");
    }
    if parts.is_empty() && applied.template != wanted.template {
        parts.push(OTHER.to_owned());
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nodes(image: &str, config: &str) -> NodeSet {
        NodeSet {
            template: json!({ "spec": { "containers": [{ "image": image }] } }),
            config: config.to_owned(),
        }
    }

    #[test]
    fn the_first_template_is_written() {
        let rollout = decide(None, nodes("a", "x"), true);
        assert_eq!((rollout.nodes, rollout.held), (nodes("a", "x"), vec![]));
    }

    #[test]
    fn a_change_of_a_running_cluster_is_held_back_and_named() {
        let rollout = decide(Some(nodes("a", "x")), nodes("b", "y"), true);
        assert_eq!(rollout.nodes, nodes("a", "x"));
        assert_eq!(rollout.held, ["image", "config"]);
    }

    #[test]
    fn a_mistake_can_be_corrected_before_there_is_a_cluster() {
        let rollout = decide(Some(nodes("typo", "x")), nodes("b", "x"), false);
        assert_eq!((rollout.nodes, rollout.held), (nodes("b", "x"), vec![]));
    }

    #[test]
    fn what_the_objects_say_is_believed_when_nothing_is_remembered() {
        let wanted = nodes("a", "x");
        let mut live = wanted.template.clone();
        live["spec"]["dnsPolicy"] = "ClusterFirst".into();
        let config = "x".to_owned();
        assert_eq!(recover(&live, Some(&config), &wanted), wanted);
        let other = nodes("b", "x");
        let recovered = recover(&live, Some(&config), &other);
        assert_eq!(decide(Some(recovered), other, true).held, ["image"]);
    }
}
