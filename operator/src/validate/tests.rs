//! Bad manifests, each with its sentence; and a good one.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::*;

/// The smallest manifest.
fn manifest() -> Value {
    json!({
        "apiVersion": "quorate.dev/v1alpha1",
        "kind": "MqttCluster",
        "metadata": { "name": "demo", "namespace": "shop", "uid": "uid-1" },
        "spec": {
            "listeners": [{ "name": "mqtt", "port": 1883 }],
            "auth": { "anonymous": true }
        }
    })
}

fn around() -> Surroundings {
    Surroundings {
        default_image: "quorate:1".to_owned(),
        secrets: BTreeMap::new(),
        replicas: None,
        volume_size: None,
        volume_class: None,
        volumes: Vec::new(),
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

/// The one problem of a manifest that was changed so.
fn problem(change: impl Fn(&mut Value), around: &Surroundings) -> Problem {
    let mut manifest = manifest();
    change(&mut manifest);
    let cluster: MqttCluster = serde_json::from_value(manifest).unwrap();
    let problems = validate(&cluster, around).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.into_iter().next().unwrap()
}

#[track_caller]
fn assert_told(change: impl Fn(&mut Value), around: &Surroundings, reason: &str, told: &str) {
    let problem = problem(change, around);
    assert_eq!(problem.reason, reason, "{}", problem.message);
    assert!(problem.message.contains(told), "{}", problem.message);
    assert!(
        problem.message.ends_with(['.', '}']) || problem.message.contains("kubectl"),
        "{}",
        problem.message
    );
}

#[test]
fn the_smallest_manifest_is_three_voters_with_the_defaults() {
    let cluster: MqttCluster = serde_json::from_value(manifest()).unwrap();
    let valid = validate(&cluster, &around()).unwrap();
    assert_eq!(valid.voters, 3);
    assert_eq!(valid.image, "quorate:1");
    assert_eq!(valid.storage.size.0, "10Gi");
    assert_eq!(valid.listeners[0].certificate, Certificate::None);
    assert_eq!(valid.names.host("demo-0"), "demo-0.demo-nodes.shop.svc");
}

#[test]
fn voters_are_odd() {
    let even = |manifest: &mut Value| manifest["spec"]["voters"] = 4.into();
    assert_told(even, &around(), "VotersNotOdd", "1, 3, 5 or 7");
}

#[test]
fn voters_do_not_go_down() {
    let fewer = |manifest: &mut Value| manifest["spec"]["voters"] = 1.into();
    let around = Surroundings {
        replicas: Some(3),
        ..around()
    };
    assert_told(fewer, &around, "VotersLowered", "Set voters back to 3");
}

#[test]
fn a_name_leaves_room_for_those_made_from_it() {
    let long = |manifest: &mut Value| manifest["metadata"]["name"] = "a".repeat(41).into();
    assert_told(long, &around(), "NameTooLong", "at most 40");
    let dotted = |manifest: &mut Value| manifest["metadata"]["name"] = "a.b".into();
    assert_told(dotted, &around(), "NameNotAllowed", "a.b");
}

fn two_listeners(second: &Value) -> impl Fn(&mut Value) + use<> {
    let second = second.clone();
    move |manifest| {
        let first = json!({ "name": "mqtt", "port": 1883 });
        manifest["spec"]["listeners"] = json!([first, second]);
    }
}

#[test]
fn listeners_differ_in_name_and_port() {
    let port = two_listeners(&json!({ "name": "other", "port": 1883 }));
    assert_told(port, &around(), "PortTwice", "1883");
    let name = two_listeners(&json!({ "name": "mqtt", "port": 1884 }));
    assert_told(name, &around(), "ListenerTwice", "named mqtt");
}

#[test]
fn listeners_leave_the_clusters_own_names_and_ports_alone() {
    let port = two_listeners(&json!({ "name": "other", "port": 7883 }));
    assert_told(port, &around(), "PortNotAllowed", "7883");
    let low = two_listeners(&json!({ "name": "other", "port": 443 }));
    assert_told(low, &around(), "PortNotAllowed", "privileges");
    let name = two_listeners(&json!({ "name": "nodes", "port": 1884 }));
    assert_told(name, &around(), "ListenerName", "nodes");
}

#[test]
fn there_is_a_listener() {
    let none = |manifest: &mut Value| manifest["spec"]["listeners"] = json!([]);
    assert_told(none, &around(), "NoListener", "no client");
}

#[test]
fn tls_belongs_to_mqtts() {
    let tls = two_listeners(&json!({ "name": "other", "port": 8883, "tls": {} }));
    assert_told(tls, &around(), "TlsWithoutTls", "protocol");
    let name =
        json!({ "name": "o", "protocol": "mqtts", "port": 8883, "tls": { "names": ["a b"] } });
    assert_told(two_listeners(&name), &around(), "CertificateName", "a b");
}

#[test]
fn a_node_port_needs_a_service_that_has_one() {
    let service = json!({ "nodePort": 30883 });
    let port = two_listeners(&json!({ "name": "other", "port": 8883, "service": service }));
    assert_told(port, &around(), "NodePortWithoutNodePort", "ClusterIP");
}

#[test]
fn somebody_can_log_in() {
    let nobody = |manifest: &mut Value| manifest["spec"]["auth"] = json!({});
    assert_told(nobody, &around(), "NobodyCanLogIn", "auth.usersSecret");
}

fn users(manifest: &mut Value) {
    manifest["spec"]["auth"] = json!({ "usersSecret": { "name": "people" } });
}

fn with_secret(name: &str, key: &str, text: &str) -> Surroundings {
    let data = BTreeMap::from([(key.to_owned(), text.as_bytes().to_vec())]);
    Surroundings {
        secrets: BTreeMap::from([(name.to_owned(), data)]),
        ..around()
    }
}

#[test]
fn the_secret_with_users_is_there_and_holds_hashes() {
    assert_told(users, &around(), "UsersSecretMissing", "people");
    let other = with_secret("people", "passwords", "");
    assert_told(users, &other, "UsersKeyMissing", "it has passwords");
    let plain = with_secret("people", "users", "# ours\nalice:secret\n");
    assert_told(users, &plain, "UsersNotHashed", "Line 2");
    let hashed = with_secret("people", "users", "alice:$7$101$salt$hash\n");
    let mut manifest = manifest();
    users(&mut manifest);
    let cluster: MqttCluster = serde_json::from_value(manifest).unwrap();
    validate(&cluster, &hashed).unwrap();
}

#[test]
fn a_secret_with_a_certificate_is_there_and_usable() {
    let listener = json!({
        "name": "tls", "protocol": "mqtts", "port": 8883, "tls": { "secretName": "mine" }
    });
    let change = two_listeners(&listener);
    assert_told(&change, &around(), "CertificateSecretMissing", "mine");
    let broken = with_secret("mine", "tls.crt", "not PEM");
    assert_told(&change, &broken, "CertificateUnusable", "tls.key");
}

#[test]
fn volumes_keep_their_size_and_class() {
    let there = Surroundings {
        replicas: Some(3),
        volume_size: Some("10Gi".to_owned()),
        ..around()
    };
    let size = |size: &'static str| {
        move |manifest: &mut Value| manifest["spec"]["storage"] = json!({ "size": size })
    };
    assert_told(size("5Gi"), &there, "StorageShrunk", "10Gi");
    assert_told(size("20Gi"), &there, "StorageGrown", "10Gi");
    assert_told(size("500Mi"), &around(), "StorageSize", "at least 1Gi");
    assert_told(size("much"), &around(), "StorageSize", "much");
    let class = |manifest: &mut Value| {
        manifest["spec"]["storage"] = json!({ "size": "10Gi", "className": "fast" });
    };
    assert_told(class, &there, "StorageClassChanged", "fast");
}

#[test]
fn volumes_of_an_earlier_cluster_come_back_as_a_whole() {
    let retained = Surroundings {
        volumes: vec![0, 1, 2, 3, 4],
        ..around()
    };
    assert_told(|_| {}, &retained, "VolumesOfMoreNodes", "Set voters to 5");
}

#[test]
fn an_image_is_a_reference() {
    let image = |manifest: &mut Value| manifest["spec"]["image"] = "my image".into();
    assert_told(image, &around(), "ImageNotAllowed", "my image");
}

#[test]
fn all_problems_are_told_at_once() {
    let mut manifest = manifest();
    manifest["spec"]["voters"] = 2.into();
    manifest["spec"]["auth"] = json!({});
    let cluster: MqttCluster = serde_json::from_value(manifest).unwrap();
    assert_eq!(validate(&cluster, &around()).unwrap_err().len(), 2);
}
