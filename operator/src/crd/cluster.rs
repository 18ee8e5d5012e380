//! The resource itself.

use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Auth, BrokerConfig, Listener, MqttClusterStatus, Scheduling, Storage};

/// A cluster of MQTT brokers that survives the loss of a minority of its nodes. The operator keeps the pods,
/// Services, certificates and the cluster's membership as this says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "quorate.dev",
    version = "v1alpha1",
    kind = "MqttCluster",
    plural = "mqttclusters",
    shortname = "mqc",
    category = "all",
    category = "quorate",
    namespaced,
    status = "MqttClusterStatus",
    derive = "PartialEq",
    doc = "A cluster of MQTT brokers that survives the loss of a minority of its nodes.",
    annotation("helm.sh/resource-policy", "keep"),
    label("app.kubernetes.io/part-of", "quorate"),
    scale(
        spec_replicas_path = ".spec.voters",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "Pods that serve clients, of those wanted",
        json_path = ".status.ready"
    ),
    printcolumn(
        name = "Leader",
        type_ = "string",
        description = "Pod whose node leads the cluster's membership",
        json_path = ".status.leader"
    ),
    printcolumn(
        name = "Version",
        type_ = "string",
        description = "Tag of the broker's image",
        json_path = ".status.version"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Term",
        type_ = "integer",
        description = "Raft term of the membership's group; each election raises it",
        json_path = ".status.term",
        priority = 1
    ),
    printcolumn(
        name = "Quorum",
        type_ = "string",
        description = "Live voters, of all voters",
        json_path = ".status.quorum",
        priority = 1
    ),
    printcolumn(
        name = "Storage",
        type_ = "string",
        description = "Volume of each node",
        json_path = ".spec.storage.size",
        priority = 1
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        description = "What the Ready condition says, in a word",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        priority = 1
    ),
    validation = Rule::new("self.metadata.name.size() <= 40").message(
        "metadata.name is longer than 40 characters; the names of pods and Services are made from it and must fit into 63"
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "metadata.name must begin with a letter and hold only lower-case letters, digits and '-', because Services are named after it"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct MqttClusterSpec {
    /// Image of the broker. Default: the one that the operator was installed for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,

    /// When nodes pull the image. Default: what Kubernetes does for the tag (Always for latest, else IfNotPresent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,

    /// Secrets with credentials for the image's registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// How many nodes vote, and so how many may fail: 1 (none), 3 (one), 5 (two) or 7 (three). It may be raised
    /// while the cluster runs; it cannot be lowered yet.
    #[serde(default = "voters")]
    #[x_kube(
        validation = Rule::new("self in [1, 3, 5, 7]").message(
            "voters must be 1, 3, 5 or 7: an even number survives no more failures than the odd one below it"
        ),
        validation = Rule::new("self >= oldSelf").message(
            "voters cannot be lowered yet: taking nodes out of a running cluster is not built"
        )
    )]
    pub voters: u8,

    /// The volume of each node.
    #[serde(default)]
    pub storage: Storage,

    /// Where clients connect: at least one. Each gets a Service named after the cluster and the listener.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(
        validation = Rule::new("self.all(a, self.exists_one(b, b.name == a.name))")
            .message("two listeners have the same name"),
        validation = Rule::new("self.all(a, self.exists_one(b, b.port == a.port))")
            .message("two listeners have the same port")
    )]
    pub listeners: Vec<Listener>,

    /// Who may log in.
    #[x_kube(validation = Rule::new(
        "(has(self.anonymous) && self.anonymous) || has(self.usersSecret)"
    ).message(
        "nobody could log in: name a Secret with users in auth.usersSecret, or set auth.anonymous to let everybody in"
    ))]
    pub auth: Auth,

    /// CPU and memory of each node's container. Default: requests of 100m and 256Mi, no limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Where pods may run.
    #[serde(default)]
    pub scheduling: Scheduling,

    /// The broker's own configuration; what is not given keeps the broker's default.
    #[serde(default)]
    pub config: BrokerConfig,

    /// Whether the operator leaves everything as it is: nothing is created, put right or changed; the status is
    /// still written. Default: false.
    #[serde(default)]
    pub paused: bool,

    /// What becomes of the volumes when this resource is deleted: Retain keeps them, and a resource of the same
    /// name takes them over with all data; Delete deletes them. Default: Retain.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// See `imagePullPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// Before each start.
    Always,
    /// When the machine does not have it.
    IfNotPresent,
    /// Never: somebody has loaded it.
    Never,
}

/// See `deletionPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Volumes stay.
    #[default]
    Retain,
    /// Volumes go with the resource.
    Delete,
}

impl ImagePullPolicy {
    /// As Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

fn voters() -> u8 {
    3
}
