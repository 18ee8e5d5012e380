//! The definition as the chart carries it.

use kube::CustomResourceExt as _;
use serde_json::Value;

use super::MqttCluster;

const HEAD: &str = "# Generated from operator/src/crd by `cargo run -p quorate-operator --bin crdgen`; do not edit.\n";

/// The definition of `MqttCluster` as YAML.
///
/// # Errors
/// It cannot be written as YAML.
pub fn definition() -> Result<String, serde_saphyr::ser::Error> {
    let mut value = serde_json::to_value(MqttCluster::crd()).unwrap_or_default();
    strip(&mut value);
    let text = serde_saphyr::to_string(&value)?;
    Ok(format!("{HEAD}{text}"))
}

/// Takes away what the API server does not know and warns of: formats of unsigned numbers, whose bounds say
/// the same, and an empty status.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_unsigned = |format: &Value| {
                let format = format.as_str();
                format.is_some_and(|format| format.starts_with("uint"))
            };
            if map.get("format").is_some_and(is_unsigned) {
                map.remove("format");
            }
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
