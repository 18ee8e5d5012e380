//! Memory of applies that did not help: where the API server writes a value in another way than the operator does
//! (`1000m` becomes `1`), an object looks changed for ever. What was applied once is not applied again until the
//! object changes. Losing this memory costs one write.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::build::Object;
use crate::limits::SETTLED_OBJECTS_MAX;
use crate::names::Names;

/// See the module.
#[derive(Debug, Default)]
pub struct Settled(Mutex<BTreeMap<String, (String, Option<String>)>>);

impl Settled {
    /// Whether just this was applied to just this version.
    pub(super) fn holds(&self, object: &Object, names: &Names, version: Option<&String>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(&key(object, names));
        entry.is_some_and(|(hash, at)| *hash == object.hash && at.as_ref() == version)
    }

    /// Notes what has become of an apply.
    pub(super) fn note(&self, object: &Object, names: &Names, version: Option<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SETTLED_OBJECTS_MAX {
            known.clear();
        }
        known.insert(key(object, names), (object.hash.clone(), version));
    }
}

fn key(object: &Object, names: &Names) -> String {
    format!("{}/{}/{}", names.namespace, object.kind.kind, object.name)
}
