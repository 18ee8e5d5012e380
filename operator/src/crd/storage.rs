//! The volume of each node.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The volume of each node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)").message(
        "storage.className cannot be changed: the volumes exist already"
    )
)]
pub struct Storage {
    /// Size of each node's volume. Messages, sessions and the log must fit; a node whose volume is full takes no
    /// durable messages. It cannot be changed yet. Default: 10Gi.
    #[serde(default = "size")]
    #[x_kube(
        validation = Rule::new("quantity(self).isGreaterThan(quantity('0')) && !quantity(self).isLessThan(quantity('1Gi'))").message(
            "storage.size must be at least 1Gi: the log allocates its files ahead"
        ),
        validation = Rule::new("!quantity(self).isLessThan(quantity(oldSelf))").message(
            "storage.size cannot shrink: Kubernetes has no way to make a volume smaller"
        ),
        validation = Rule::new("!quantity(self).isGreaterThan(quantity(oldSelf))").message(
            "storage.size cannot grow yet: expanding volumes is not built"
        )
    )]
    pub size: Quantity,

    /// StorageClass of the volumes. Default: the default of the Kubernetes cluster. It cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            size: size(),
            class_name: None,
        }
    }
}

fn size() -> Quantity {
    Quantity("10Gi".to_owned())
}
