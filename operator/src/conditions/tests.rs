//! What people read when something is the case.

use serde_json::json;

use super::*;
use crate::membership::{Next, Summary};

fn cluster(status: Option<MqttClusterStatus>) -> MqttCluster {
    let mut cluster: MqttCluster = serde_json::from_value(json!({
        "apiVersion": "quorate.dev/v1alpha1",
        "kind": "MqttCluster",
        "metadata": { "name": "demo", "generation": 7 },
        "spec": { "listeners": [], "auth": { "anonymous": true } }
    }))
    .unwrap();
    cluster.status = status;
    cluster
}

fn member(node: u64, live: bool) -> MemberLine {
    MemberLine {
        pod: Some(format!("demo-{}", node - 1)),
        node,
        role: Role::Voter,
        live,
        groups_behind: Some(0),
    }
}

fn plan(members: &[MemberLine]) -> Plan {
    let formed = !members.is_empty();
    Plan {
        next: Next::Nothing,
        quorum: if formed {
            Finding::good("AllVotersLive", "x.")
        } else {
            Finding::unknown("NoCluster", "x.")
        },
        membership: Finding::good("AsWanted", "x."),
        summary: Summary {
            cluster: formed.then(|| "c".to_owned()),
            leader: formed.then(|| "demo-0".to_owned()),
            term: formed.then_some(3),
            members: members.to_vec(),
        },
        standing: std::collections::BTreeMap::new(),
    }
}

fn learned(plan: &Plan, ready: usize) -> Learned<'_> {
    Learned {
        plan,
        cluster: None,
        wanted: 3,
        pods: 3,
        ready,
        not_ready: (ready..3)
            .map(|pod| (format!("demo-{pod}"), None))
            .collect(),
        certificates: Some(Finding::good("Ready", "x.")),
        certificate_ends: None,
        outcome: Outcome::Applied,
        listeners: Vec::new(),
        version: Some("1".to_owned()),
        selector: "s".to_owned(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn find<'a>(status: &'a MqttClusterStatus, kind: &str) -> &'a Condition {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .unwrap()
}

#[test]
fn all_nodes_that_serve_are_ready() {
    let plan = plan(&[member(1, true), member(2, true), member(3, true)]);
    let status = status(&cluster(None), &learned(&plan, 3), at(1));
    let ready = find(&status, "Ready");
    assert_eq!((&*ready.status, &*ready.reason), ("True", "AllNodesReady"));
    assert_eq!(status.ready.as_deref(), Some("3/3"));
    assert_eq!(status.quorum.as_deref(), Some("3/3"));
    assert_eq!(status.observed_generation, Some(7));
}

#[test]
fn a_node_that_does_not_serve_is_named_with_its_trouble() {
    let plan = plan(&[member(1, true), member(2, true), member(3, false)]);
    let mut learned = learned(&plan, 2);
    learned.not_ready[0].1 = Some(Trouble {
        reason: "Unschedulable",
        text: "no machine takes it".to_owned(),
    });
    let status = status(&cluster(None), &learned, at(1));
    let ready = find(&status, "Ready");
    assert_eq!((&*ready.status, &*ready.reason), ("False", "Unschedulable"));
    assert_eq!(
        ready.message,
        "2 of 3 nodes serve clients; demo-2: no machine takes it."
    );
    assert_eq!(status.quorum.as_deref(), Some("2/3"));
}

#[test]
fn a_beginning_says_that_it_is_one() {
    let plan = plan(&[]);
    let status = status(&cluster(None), &learned(&plan, 0), at(1));
    assert_eq!(find(&status, "Ready").reason, "Forming");
}

#[test]
fn times_change_with_the_status_only_and_nothing_is_news_twice() {
    let plan = plan(&[member(1, true), member(2, true), member(3, true)]);
    let first = status(&cluster(None), &learned(&plan, 3), at(1));
    let second = status(&cluster(Some(first.clone())), &learned(&plan, 3), at(2));
    assert_eq!(first, second);
    let third = status(&cluster(Some(second)), &learned(&plan, 2), at(3));
    assert_eq!(find(&third, "Ready").last_transition_time.0, at(3));
    assert_eq!(find(&third, "QuorumHealthy").last_transition_time.0, at(1));
}

#[test]
fn the_cluster_id_is_never_forgotten() {
    let before = MqttClusterStatus {
        cluster_id: Some("c".to_owned()),
        ..MqttClusterStatus::default()
    };
    let plan = plan(&[]);
    let status = status(&cluster(Some(before)), &learned(&plan, 0), at(1));
    assert_eq!(status.cluster_id.as_deref(), Some("c"));
}

#[test]
fn a_cluster_id_is_noted_once_and_never_replaced() {
    let plan = plan(&[member(1, true)]);
    let said = |cluster: &str| Learned {
        cluster: Some(cluster.to_owned()),
        ..learned(&plan, 1)
    };
    let first = status(&cluster(None), &said("c"), at(1));
    assert_eq!(first.cluster_id.as_deref(), Some("c"));
    let second = status(&cluster(Some(first)), &said("d"), at(2));
    assert_eq!(second.cluster_id.as_deref(), Some("c"));
}

#[test]
fn members_stay_in_the_status_while_nobody_can_be_asked() {
    let whole = plan(&[member(1, true), member(2, true), member(3, true)]);
    let before = status(&cluster(None), &learned(&whole, 3), at(1));
    let nobody = plan(&[]);
    let status = status(&cluster(Some(before)), &learned(&nobody, 0), at(2));
    assert_eq!(status.members.len(), 3);
    assert!(status.members.iter().all(|member| !member.live));
}

#[test]
fn what_became_of_the_manifest_is_said() {
    let plan = plan(&[member(1, true)]);
    let told = |outcome: Outcome<'_>| {
        let learned = Learned {
            outcome,
            ..learned(&plan, 3)
        };
        let status = status(&cluster(None), &learned, at(1));
        let config = find(&status, "ConfigApplied");
        (
            config.status.clone(),
            config.reason.clone(),
            config.message.clone(),
        )
    };
    let held = ["image".to_owned(), "config".to_owned()];
    let (status, reason, message) = told(Outcome::Held(&held));
    assert_eq!((&*status, &*reason), ("False", "RolloutNeeded"));
    assert!(message.contains("image and config"), "{message}");
    let wrong = [
        Problem::new("PortTwice", "Two."),
        Problem::new("NoListener", "None."),
    ];
    let (status, reason, message) = told(Outcome::Invalid(&wrong));
    assert_eq!(
        (&*status, &*reason, &*message),
        ("False", "PortTwice", "Two. None.")
    );
    let (status, reason, _) = told(Outcome::Paused);
    assert_eq!((&*status, &*reason), ("Unknown", "Paused"));
}

#[test]
fn a_condition_that_was_not_looked_at_stays() {
    let plan = plan(&[member(1, true)]);
    let before = status(&cluster(None), &learned(&plan, 3), at(1));
    let blind = Learned {
        certificates: None,
        ..learned(&plan, 3)
    };
    let status = status(&cluster(Some(before)), &blind, at(2));
    assert_eq!(find(&status, "CertificatesReady").status, "True");
}

#[test]
fn long_messages_are_cut_between_letters() {
    assert_eq!(clip("aé", 2), "a");
    assert_eq!(clip("aé", 3), "aé");
}
