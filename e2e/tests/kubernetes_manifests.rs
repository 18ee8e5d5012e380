//! Manifests that cannot be right: each gets the sentence that was written for it, and nothing that runs is touched.

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::kubernetes::{Broker, Kubernetes, Manifest, demo, with_kubernetes};
use serde_json::{Value, json};

const SPACE: &str = "quorate-e2e-manifests";

/// A manifest, what is wrong with it, and words of the sentence.
type Case = (&'static str, Manifest, &'static str);

/// What the API server refuses by the rules in the definition.
fn refused_at_once() -> Vec<Case> {
    let ok = || Manifest::new("bad", 3);
    let listeners = |listeners: Value| ok().with("/listeners", listeners);
    vec![
        (
            "an even number of voters",
            Manifest::new("bad", 4),
            "voters must be 1, 3, 5 or 7",
        ),
        (
            "a port twice",
            listeners(json!([{"name": "one", "port": 1883}, {"name": "two", "port": 1883}])),
            "two listeners have the same port",
        ),
        (
            "a listener twice",
            listeners(json!([{"name": "one", "port": 1883}, {"name": "one", "port": 1884}])),
            "two listeners have the same name",
        ),
        ("no listener", listeners(json!([])), "at least 1"),
        (
            "a port of the nodes",
            listeners(json!([{"name": "one", "port": 7883}])),
            "belong to the nodes",
        ),
        (
            "a listener named as the nodes' Service",
            listeners(json!([{"name": "nodes", "port": 1883}])),
            "belong to the cluster's own ports",
        ),
        (
            "a certificate without TLS",
            listeners(json!([{"name": "one", "port": 1883, "tls": {"secretName": "it"}}])),
            "set protocol to mqtts",
        ),
        (
            "nobody who could log in",
            ok().with("/auth", json!({})),
            "nobody could log in",
        ),
        (
            "too small a volume",
            ok().with("/storage/size", json!("1Mi")),
            "storage.size must be at least 1Gi",
        ),
        (
            "a name that is too long",
            Manifest::new(&"a".repeat(41), 1),
            "longer than 40 characters",
        ),
        (
            "a name that begins with a digit",
            Manifest::new("1bad", 1),
            "must begin with a letter",
        ),
    ]
}

/// What only the operator can see; it says so in a condition.
fn explained_by_the_operator() -> Vec<Case> {
    let ok = |name: &str| Manifest::new(name, 1);
    vec![
        (
            "users in a Secret that is not there",
            ok("users").with("/auth/usersSecret", json!({"name": "nowhere"})),
            "nowhere",
        ),
        (
            "a certificate in a Secret that is not there",
            ok("certificate").with(
                "/listeners",
                json!([{"name": "mqtts", "protocol": "mqtts", "port": 8883, "tls": {"secretName": "nowhere"}}]),
            ),
            "nowhere",
        ),
        ("an image that does not exist", ok("image").with("/image", json!("localhost/nothing:none")), "localhost/nothing:none"),
        (
            "no machine that fits",
            ok("machine").with("/scheduling", json!({"nodeSelector": {"on": "the-moon"}})),
            "no machine takes it",
        ),
        ("a storage class that does not exist", ok("class").with("/storage/className", json!("nowhere")), "nowhere"),
    ]
}

/// Changes that a running cluster cannot take.
fn refused_changes(running: &Manifest) -> Vec<Case> {
    let running = || running.clone();
    vec![
        (
            "fewer voters",
            running().with("/voters", json!(1)),
            "voters cannot be lowered yet",
        ),
        (
            "a smaller volume",
            running().with("/storage/size", json!("1Gi")),
            "storage.size cannot shrink",
        ),
        (
            "a larger volume",
            running().with("/storage/size", json!("3Gi")),
            "storage.size cannot grow yet",
        ),
        (
            "another storage class",
            running().with("/storage/className", json!("other")),
            "storage.className cannot be changed",
        ),
    ]
}

#[test]
fn what_cannot_be_right_is_refused_with_its_sentence() -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "bad");
        for (what, manifest, sentence) in refused_at_once() {
            is_refused(&broker, what, &manifest, sentence)?;
        }
        kubernetes.clear_namespace(SPACE)
    })
}

fn is_refused(broker: &Broker<'_>, what: &str, manifest: &Manifest, sentence: &str) -> Result<()> {
    let refused = broker.apply(manifest).err();
    let said = format!(
        "{:#}",
        refused.with_context(|| format!("{what} was taken"))?
    );
    println!("{what}: {said}");
    ensure!(
        said.contains(sentence),
        "{what}: not a word of \"{sentence}\" in: {said}"
    );
    Ok(())
}

#[test]
fn what_only_the_operator_can_see_gets_a_sentence_in_a_condition() -> Result<()> {
    with_kubernetes(|kubernetes| {
        let running = demo(kubernetes)?;
        let before = uids(&running)?;
        kubernetes.fresh_namespace(SPACE)?;
        for (what, manifest, word) in explained_by_the_operator() {
            explains(kubernetes, what, &manifest, word)?;
        }
        kubernetes.clear_namespace(SPACE)?;
        running.whole()?;
        ensure!(
            uids(&running)? == before,
            "pods of another cluster were restarted"
        );
        Ok(())
    })
}

fn explains(kubernetes: &Kubernetes, what: &str, manifest: &Manifest, word: &str) -> Result<()> {
    let broker = Broker::of(kubernetes, SPACE, &manifest.name());
    broker.apply(manifest)?;
    let sentence = broker.explains(word).with_context(|| what.to_owned())?;
    println!("{what}: {sentence}");
    broker.delete()
}

#[test]
fn a_change_that_cannot_be_made_leaves_the_running_cluster_alone() -> Result<()> {
    with_kubernetes(|kubernetes| {
        kubernetes.fresh_namespace(SPACE)?;
        let broker = Broker::of(kubernetes, SPACE, "running");
        let manifest = Manifest::new("running", 3).with("/storage/size", json!("2Gi"));
        broker.apply(&manifest)?;
        broker.whole()?;
        let before = uids(&broker)?;
        for (what, changed, sentence) in refused_changes(&manifest) {
            is_refused(&broker, what, &changed, sentence)?;
        }
        let gone = manifest
            .clone()
            .with("/auth/usersSecret", json!({"name": "nowhere"}));
        broker.apply(&gone)?;
        println!("{}", broker.explains("nowhere")?);
        ensure!(uids(&broker)? == before, "pods were restarted");
        broker.apply(&manifest)?;
        broker.whole()?;
        ensure!(uids(&broker)? == before, "pods were restarted");
        kubernetes.clear_namespace(SPACE)
    })
}

fn uids(broker: &Broker<'_>) -> Result<Vec<(String, i64)>> {
    let pods = broker.pods()?;
    Ok(pods
        .into_iter()
        .map(|pod| (pod.uid, pod.restarts))
        .collect())
}
