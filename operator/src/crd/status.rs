//! What the operator says about a cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What the operator says about a cluster. Written only when something in it changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MqttClusterStatus {
    /// The metadata.generation that this speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The cluster's id, 32 hexadecimal digits. Volumes carry it too; while it is known no other cluster is begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,

    /// Ready, QuorumHealthy, MembershipStable, CertificatesReady and ConfigApplied; each message says what is the
    /// case and what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,

    /// Pods that serve clients, of those wanted, such as 3/3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,

    /// Live voters, of all voters, such as 3/3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<String>,

    /// Pod whose node leads the cluster's membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,

    /// Raft term of the membership's group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,

    /// Tag of the broker's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// Pods that exist, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,

    /// Selects the pods, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The cluster's members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberStatus>,

    /// Where clients connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerStatus>,
}

/// A member of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// Its pod; absent for a member without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Node id; never used again after the member is gone.
    pub node: u64,
    /// Voter, Learner or Leaving.
    pub role: String,
    /// Whether the cluster holds it for alive.
    pub live: bool,
    /// How far it is behind, in steps that change seldom: none, little, much or unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<String>,
    /// When its certificate for other nodes ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_ends: Option<String>,
}

/// Where clients connect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// The listener's name.
    pub name: String,
    /// URLs: the Service's name, and the load balancer's addresses or the machines' port once there are any.
    pub addresses: Vec<String>,
}
