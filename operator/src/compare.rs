//! Whether an object is as the operator wants it. Pure. What others have added, defaults of the API server
//! included, is theirs.

use serde_json::Value;

use crate::build::Object;
use crate::names::APPLIED_HASH;

/// What is to be done with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// It does not exist.
    Create,
    /// It is as wanted.
    Nothing,
    /// The operator wants something else than before.
    Change,
    /// Somebody has changed it.
    PutRight,
    /// It belongs to somebody else, and is not touched; the end of a sentence that says whose it is.
    Foreign(String),
}

/// Compares; `uid` is that of the resource.
pub fn need(there: Option<&Value>, object: &Object, uid: &str) -> Need {
    let Some(there) = there else {
        return Need::Create;
    };
    if let Some(whose) = foreign(there, uid) {
        return Need::Foreign(whose);
    }
    let hash = there
        .pointer("/metadata/annotations")
        .and_then(|all| all.get(APPLIED_HASH));
    let is_same = hash.and_then(Value::as_str) == Some(&object.hash);
    match (is_same, holds(there, &object.value)) {
        (true, true) => Need::Nothing,
        (true, false) => Need::PutRight,
        (false, _) => Need::Change,
    }
}

/// Whose an object is, if it is not that of the resource with this uid.
fn foreign(there: &Value, uid: &str) -> Option<String> {
    let owners = there
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    let controller = owners
        .into_iter()
        .flatten()
        .find(|owner| owner["controller"] == true);
    let Some(owner) = controller else {
        return Some("was not made by the operator".to_owned());
    };
    if owner["uid"] == uid {
        return None;
    }
    let text = |key: &str| owner[key].as_str().unwrap_or("?").to_owned();
    Some(format!(
        "belongs to {} {} (uid {})",
        text("kind"),
        text("name"),
        text("uid")
    ))
}

/// Whether all of `wanted` is in `there`. The elements of a list may have others between them.
pub fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            match there.get(key) {
                Some(there) => holds(there, wanted),
                // The API server leaves out what is empty.
                None => is_empty(wanted),
            }
        }),
        (Value::Array(there), Value::Array(wanted)) => wanted
            .iter()
            .all(|wanted| there.iter().any(|there| holds(there, wanted))),
        (there, wanted) => there == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn object() -> Object {
        let map: ConfigMap = serde_json::from_value(json!({
            "metadata": { "name": "a", "ownerReferences": [owner("1")] },
            "data": { "file": "text" }
        }))
        .unwrap();
        Object::of(&map).unwrap()
    }

    fn owner(uid: &str) -> Value {
        json!({ "apiVersion": "v", "kind": "MqttCluster", "name": "demo", "uid": uid, "controller": true })
    }

    #[test]
    fn what_is_missing_is_created() {
        assert_eq!(need(None, &object(), "1"), Need::Create);
    }

    #[test]
    fn defaults_and_additions_of_others_are_left() {
        let object = object();
        let mut there = object.value.clone();
        there["metadata"]["resourceVersion"] = "7".into();
        there["data"]["more"] = "theirs".into();
        assert_eq!(need(Some(&there), &object, "1"), Need::Nothing);
    }

    #[test]
    fn what_somebody_has_changed_is_put_right() {
        let object = object();
        let mut there = object.value.clone();
        there["data"]["file"] = "other".into();
        assert_eq!(need(Some(&there), &object, "1"), Need::PutRight);
    }

    #[test]
    fn what_is_wanted_anew_is_a_change_also_when_it_is_less() {
        let object = object();
        let mut there = object.value.clone();
        there["metadata"]["annotations"][APPLIED_HASH] = "older".into();
        assert_eq!(need(Some(&there), &object, "1"), Need::Change);
    }

    #[test]
    fn what_belongs_to_somebody_else_is_not_touched() {
        let object = object();
        let mut there = object.value.clone();
        there["metadata"]["ownerReferences"] = json!([owner("2")]);
        assert_eq!(
            need(Some(&there), &object, "1"),
            Need::Foreign("belongs to MqttCluster demo (uid 2)".to_owned())
        );
        there["metadata"]["ownerReferences"] = json!([]);
        assert!(matches!(need(Some(&there), &object, "1"), Need::Foreign(_)));
    }

    #[test]
    fn lists_hold_what_is_in_them_in_any_place() {
        let there = json!([{ "name": "a", "x": 1 }, { "name": "b" }]);
        assert!(holds(&there, &json!([{ "name": "b" }])));
        assert!(!holds(&there, &json!([{ "name": "c" }])));
    }
}
