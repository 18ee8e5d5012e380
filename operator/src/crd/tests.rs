//! The definition in the chart is the one of these types, and its rules are there.

use std::path::Path;

use super::definition;

fn chart() -> std::path::PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("../charts/quorate-operator/crds/mqttclusters.yaml")
}

#[test]
fn the_chart_carries_the_definition_that_the_types_give() {
    let made = definition().unwrap();
    if std::env::var_os("QUORATE_WRITE_GOLDEN").is_some() {
        std::fs::write(chart(), &made).unwrap();
    }
    let carried = std::fs::read_to_string(chart()).unwrap();
    assert!(
        made == carried,
        "the types have changed: run QUORATE_WRITE_GOLDEN=1 cargo test -p quorate-operator definition"
    );
}

#[test]
fn every_field_of_ours_is_documented() {
    let text = definition().unwrap();
    let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let schema = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let mut missing = Vec::new();
    for part in ["spec", "status"] {
        undocumented(part, &schema[part], &mut missing);
    }
    assert_eq!(missing, Vec::<String>::new());
}

fn undocumented(path: &str, schema: &serde_json::Value, missing: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, property) in properties {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            missing.push(path.clone());
        }
        undocumented(&path, property, missing);
        undocumented(&format!("{path}[]"), &property["items"], missing);
    }
}
