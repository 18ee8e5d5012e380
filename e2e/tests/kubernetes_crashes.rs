//! The operator is killed at one call after the other, before it is heard and after: whoever comes next forms the same one cluster.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use quorate_e2e::kubernetes::{
    Broker, Cut, Fate, Kubernetes, LoneOperator, Manifest, text, with_own_kubernetes,
};
use quorate_e2e::random::Random;

const SPACE: &str = "quorate-e2e-crashes";

/// Of all calls of a beginning, so many are tried in a run; QUORATE_CRASHES is another number.
const CRASHES: u64 = 8;

#[test]
fn an_operator_killed_at_any_call_leaves_a_cluster_that_forms_all_the_same() -> Result<()> {
    let mut random = Random::announced("kubernetes_crashes");
    let wanted = std::env::var("QUORATE_CRASHES")
        .ok()
        .and_then(|text| text.parse().ok());
    with_own_kubernetes(|kubernetes| {
        let operator = LoneOperator::instead_of_the_installed(kubernetes)?;
        let calls = calls_of_a_beginning(kubernetes, &operator)?;
        let to_nodes = calls.iter().filter(|call| call.starts_with("admin"));
        println!(
            "a beginning takes {} calls, {} of them to nodes",
            calls.len(),
            to_nodes.count()
        );
        for crash in 0..wanted.unwrap_or(CRASHES) {
            let at = 1 + random.below(calls.len() as u64) as usize;
            let fate = [Fate::Lost, Fate::Unheard][crash as usize % 2];
            begins_all_the_same(kubernetes, &operator, (at, fate)).with_context(|| {
                format!(
                    "killed at call {at} ({}), {fate:?}\n{}",
                    calls[at - 1],
                    operator.said()
                )
            })?;
        }
        Ok(())
    })
}

/// A cluster begins undisturbed, so that its calls are known.
fn calls_of_a_beginning(
    kubernetes: &Kubernetes,
    operator: &LoneOperator<'_>,
) -> Result<Vec<String>> {
    kubernetes.fresh_namespace(SPACE)?;
    let broker = Broker::of(kubernetes, SPACE, "born");
    broker.apply(&Manifest::new("born", 3))?;
    let life = operator.start(None)?;
    broker.whole().with_context(|| operator.said())?;
    Ok(life.calls())
}

fn begins_all_the_same(
    kubernetes: &Kubernetes,
    operator: &LoneOperator<'_>,
    cut: Cut,
) -> Result<()> {
    kubernetes.fresh_namespace(SPACE)?;
    let broker = Broker::of(kubernetes, SPACE, "born");
    broker.apply(&Manifest::new("born", 3))?;
    let life = operator.start(Some(cut))?;
    let killed = life.until("the cut or a whole cluster", || broker.is_whole())?;
    let life = operator.start(None)?;
    let took = broker.whole()?;
    println!(
        "call {} {:?}: killed {killed}, whole {took:.1?} after the next one came",
        cut.0, cut.1
    );
    exactly_one_cluster(&broker)?;
    drop(life);
    Ok(())
}

/// Every node was taken in once: three members of three ids, and one cluster that all volumes name.
fn exactly_one_cluster(broker: &Broker<'_>) -> Result<()> {
    let resource = broker.resource()?;
    let members = broker.members(&resource);
    let ids: BTreeSet<Option<i64>> = members
        .iter()
        .map(|member| member["node"].as_i64())
        .collect();
    ensure!(members.len() == 3 && ids.len() == 3, "members: {members:?}");
    let id = text(&resource, "/status/clusterId");
    for claim in broker.objects("api/v1", "persistentvolumeclaims")? {
        let named = text(&claim, "/metadata/annotations/quorate.dev~1cluster-id");
        ensure!(named == id, "{named} instead of {id}: {claim}");
    }
    Ok(())
}
