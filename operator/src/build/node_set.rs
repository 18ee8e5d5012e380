//! What pods are: their template and their configuration, kept together. With `OnDelete` a pod that comes back
//! takes whatever the StatefulSet says at that moment, so a change that running pods do not have yet must not
//! be written before somebody leads it through. What is written now is remembered on the StatefulSet.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{config, pod};
use crate::names::APPLIED_NODES;
use crate::validate::ValidatedCluster;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSet {
    /// The pods' template.
    pub template: Value,
    /// The broker's configuration.
    pub config: String,
}

impl NodeSet {
    /// As the resource wants them.
    ///
    /// # Errors
    /// The template cannot be written as JSON.
    pub fn wanted(cluster: &ValidatedCluster) -> Result<Self, serde_json::Error> {
        let config = config::build(cluster);
        Ok(Self {
            template: serde_json::to_value(pod::template(cluster, &config))?,
            config,
        })
    }

    /// As they were written last; `None` if there is no StatefulSet, or it does not remember.
    pub fn applied(set: Option<&StatefulSet>) -> Option<Self> {
        let remembered = set?.annotations().get(APPLIED_NODES)?;
        serde_json::from_str(remembered).ok()
    }
}
