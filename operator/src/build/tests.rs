//! Everything that is built for the examples, as YAML in `golden/`. QUORATE_WRITE_GOLDEN=1 writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::*;
use crate::crd::MqttCluster;
use crate::validate::{Surroundings, validate};

fn path(folder: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(file)
}

/// The objects of an example.
fn objects(example: &str) -> Vec<Object> {
    let text = std::fs::read_to_string(path("examples", example)).unwrap();
    let mut cluster: MqttCluster = serde_saphyr::from_str(&text).unwrap();
    cluster.metadata.namespace = Some("shop".to_owned());
    cluster.metadata.uid = Some("00000000-0000-0000-0000-000000000001".to_owned());
    let cluster = valid(&cluster);
    let secret = |key: &str| Data::from([(key.to_owned(), b"x".to_vec())]);
    let mut secrets = BTreeMap::from([(Which::Nodes, secret("peers.crt"))]);
    if example == "secure.yaml" {
        secrets.insert(Which::ClientCa, secret("ca.crt"));
    }
    let circumstances = Circumstances {
        secrets,
        nodes: NodeSet::wanted(&cluster).unwrap(),
        may_disrupt: true,
    };
    build(&cluster, &circumstances).unwrap()
}

fn valid(cluster: &MqttCluster) -> ValidatedCluster {
    let users = BTreeMap::from([("users".to_owned(), b"alice:$7$1$a$b".to_vec())]);
    let around = Surroundings {
        default_image: "quorate:0.1.0".to_owned(),
        secrets: BTreeMap::from([("demo-users".to_owned(), users)]),
        replicas: None,
        volume_size: None,
        volume_class: None,
        volumes: Vec::new(),
        now: SystemTime::UNIX_EPOCH,
    };
    validate(cluster, &around).unwrap()
}

/// What repeats the rest is left out of the golden files.
fn readable(object: &Object) -> Value {
    let mut value = object.value.clone();
    if let Some(all) = value["metadata"]["annotations"].as_object_mut() {
        all.remove(crate::names::APPLIED_HASH);
        all.remove(crate::names::APPLIED_NODES);
        if all.is_empty() {
            value["metadata"]["annotations"].take();
        }
    }
    value
}

#[track_caller]
fn assert_golden(example: &str) {
    for object in objects(example) {
        let kind = object.kind.kind.to_lowercase();
        let folder = format!("golden/{}", example.trim_end_matches(".yaml"));
        let file = path(&folder, &format!("{kind}-{}.yaml", object.name));
        let made = serde_saphyr::to_string(&readable(&object)).unwrap();
        if std::env::var_os("QUORATE_WRITE_GOLDEN").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &made).unwrap();
        }
        let golden = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(golden, made, "{}", file.display());
    }
}

#[test]
fn the_first_example_makes_these_objects() {
    assert_golden("cluster.yaml");
}

#[test]
fn the_secure_example_makes_these_objects() {
    assert_golden("secure.yaml");
}

#[test]
fn every_object_is_owned_and_remembers_its_hash() {
    for object in objects("cluster.yaml") {
        let owner = &object.value["metadata"]["ownerReferences"][0];
        assert_eq!(owner["kind"], "MqttCluster", "{}", object.called());
        let hash = &object.value["metadata"]["annotations"][crate::names::APPLIED_HASH];
        assert_eq!(*hash, object.hash.as_str(), "{}", object.called());
    }
}

#[test]
fn another_configuration_makes_another_revision_of_pods() {
    let text = std::fs::read_to_string(path("examples", "cluster.yaml")).unwrap();
    let mut cluster: MqttCluster = serde_saphyr::from_str(&text).unwrap();
    let first = NodeSet::wanted(&valid(&cluster)).unwrap();
    cluster.spec.config.limits.packet_bytes_max = Some(4_096);
    let second = NodeSet::wanted(&valid(&cluster)).unwrap();
    assert!(
        second.config.contains("packet_bytes_max = 4096"),
        "{}",
        second.config
    );
    assert_ne!(first.template, second.template);
}

#[test]
fn what_pods_are_is_remembered_on_the_stateful_set() {
    let objects = objects("cluster.yaml");
    let set = objects
        .iter()
        .find(|object| object.kind.kind == "StatefulSet")
        .unwrap();
    let set = serde_json::from_value(set.value.clone()).unwrap();
    let nodes = NodeSet::applied(Some(&set)).unwrap();
    assert!(
        nodes.config.contains("mqtt://0.0.0.0:1883"),
        "{}",
        nodes.config
    );
}
