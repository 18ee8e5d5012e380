//! What everything that belongs to a cluster is called. Written once, here.

use std::collections::BTreeMap;

/// Port of nodes for each other.
pub const PEERS_PORT: u16 = 7883;
/// Port of nodes for the operator.
pub const ADMIN_PORT: u16 = 7983;
/// Port of nodes for probes and metrics.
pub const HTTP_PORT: u16 = 9883;

/// Who owns the fields that the operator applies.
pub const FIELD_MANAGER: &str = "quorate-operator";
/// Volumes carry the id of the cluster whose data they hold.
pub const CLUSTER_ID: &str = "quorate.dev/cluster-id";
/// Objects carry a hash of what was applied last.
pub const APPLIED_HASH: &str = "quorate.dev/applied-hash";
/// The StatefulSet carries what its pods were last allowed to be.
pub const APPLIED_NODES: &str = "quorate.dev/applied-nodes";
/// Pods carry a hash of the configuration that they were made with.
pub const CONFIG_HASH: &str = "quorate.dev/config-hash";
/// The condition of a pod by which the cluster's word about its member reaches Services.
pub const MEMBER_GATE: &str = "quorate.dev/member-live";
/// The volume of a node within its pod, and the beginning of its claim's name.
pub const DATA: &str = "data";

/// Label: which cluster something belongs to.
const INSTANCE: &str = "app.kubernetes.io/instance";
const NAME: &str = "app.kubernetes.io/name";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const COMPONENT: &str = "app.kubernetes.io/component";

/// Labels as Kubernetes keeps them.
pub type Labels = BTreeMap<String, String>;

/// The names of one cluster's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The resource's name.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
}

impl Names {
    /// Of the resource of that name.
    pub fn new(cluster: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            namespace: namespace.into(),
        }
    }

    /// StatefulSet, ServiceAccount, PodDisruptionBudget and NetworkPolicy.
    pub fn main(&self) -> String {
        self.cluster.clone()
    }

    /// The Service that gives pods their names.
    pub fn headless(&self) -> String {
        format!("{}-nodes", self.cluster)
    }

    /// The Service of a listener.
    pub fn service(&self, listener: &str) -> String {
        format!("{}-{listener}", self.cluster)
    }

    /// The ConfigMap.
    pub fn config(&self) -> String {
        format!("{}-config", self.cluster)
    }

    /// A pod.
    pub fn pod(&self, ordinal: usize) -> String {
        format!("{}-{ordinal}", self.cluster)
    }

    /// The claim of a pod's volume.
    pub fn claim(&self, ordinal: usize) -> String {
        format!("{DATA}-{}-{ordinal}", self.cluster)
    }

    /// The ordinal that a claim's name ends in, if it is one of ours.
    pub fn ordinal_of_claim(&self, claim: &str) -> Option<usize> {
        let rest = claim.strip_prefix(&format!("{DATA}-{}-", self.cluster))?;
        let ordinal = rest.parse().ok()?;
        (self.claim(ordinal) == claim).then_some(ordinal)
    }

    /// What the node of a pod tells others to call.
    pub fn host(&self, pod: &str) -> String {
        format!("{pod}.{}.{}.svc", self.headless(), self.namespace)
    }

    /// What selects the pods; immutable in a StatefulSet.
    pub fn selector(&self) -> Labels {
        labels(&[(NAME, "quorate"), (INSTANCE, &self.cluster)])
    }

    /// The same, as lists take it.
    pub fn selector_text(&self) -> String {
        format!("{INSTANCE}={},{NAME}=quorate", self.cluster)
    }

    /// What every object of the cluster carries.
    pub fn labels(&self) -> Labels {
        let mut labels = self.selector();
        labels.extend(self::labels(&[
            (MANAGED_BY, FIELD_MANAGER),
            (COMPONENT, "broker"),
        ]));
        labels
    }
}

/// Selects whatever the operator has made.
pub fn managed_selector() -> String {
    format!("{MANAGED_BY}={FIELD_MANAGER}")
}

/// The cluster that a pod's labels name.
pub fn cluster_of(labels: &Labels) -> Option<&str> {
    let is_ours = labels.get(NAME).is_some_and(|name| name == "quorate");
    is_ours.then(|| labels.get(INSTANCE).map(String::as_str))?
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_tells_its_ordinal_and_strangers_none() {
        let names = Names::new("demo", "shop");
        assert_eq!(names.ordinal_of_claim("data-demo-4"), Some(4));
        for stranger in [
            "data-demo-x",
            "data-demo-01",
            "data-demo-two-1",
            "data-other-1",
        ] {
            assert_eq!(names.ordinal_of_claim(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn a_node_is_called_by_its_pod_and_the_headless_service() {
        let names = Names::new("demo", "shop");
        assert_eq!(names.host("demo-0"), "demo-0.demo-nodes.shop.svc");
    }
}
