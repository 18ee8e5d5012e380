//! An object to apply, whatever its kind.

use kube::Resource;
use kube::api::ApiResource;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::names::APPLIED_HASH;

/// An object to apply: what it is, and what the operator says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its kind.
    pub kind: ApiResource,
    /// Its name.
    pub name: String,
    /// All that the operator sets, its hash included.
    pub value: Value,
    /// Hash of all that the operator sets.
    pub hash: String,
}

impl Object {
    /// Of a typed one.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn of<K>(object: &K) -> Result<Self, serde_json::Error>
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        let mut value = serde_json::to_value(object)?;
        let hash = hash(&value);
        value["metadata"]["annotations"][APPLIED_HASH] = Value::from(hash.clone());
        Ok(Self {
            kind: ApiResource::erase::<K>(&()),
            name: object.meta().name.clone().unwrap_or_default(),
            value,
            hash,
        })
    }

    /// As people call it: `Service demo-mqtt`.
    pub fn called(&self) -> String {
        format!("{} {}", self.kind.kind, self.name)
    }
}

/// The first 64 bits of SHA-256 over the JSON, whose keys are sorted.
pub(crate) fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
