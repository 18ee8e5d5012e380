//! What the planner is told: every ordinal there is or should be, its pod, and what the node in it says.

use std::collections::BTreeSet;

use crate::broker_admin::{Address, Identity, Nodes};
use crate::dereference::Found;
use crate::membership::{Observed, PodSeen, PodState, Told};
use crate::names::{ADMIN_PORT, Names, PEERS_PORT};
use crate::pods;
use crate::tls::Which;

/// What was seen, and where each node is, in the same order.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) observed: Observed,
    pub(super) addresses: Vec<Address>,
    /// `None` while there is no certificate to ask with.
    pub(super) nodes: Option<Nodes>,
}

/// Asks all nodes.
pub(super) async fn observe(
    names: &Names,
    found: &Found,
    voters: usize,
    cluster: Option<String>,
) -> Seen {
    let ordinals = ordinals(found, voters);
    let addresses: Vec<Address> = ordinals
        .iter()
        .map(|ordinal| address(names, found, *ordinal))
        .collect();
    let states: Vec<PodState> = ordinals
        .iter()
        .map(|ordinal| pods::state(found.pods.get(ordinal)))
        .collect();
    let (nodes, why) = match identity(found) {
        None => (None, "the certificates are being made".to_owned()),
        Some(identity) => match Nodes::new(&identity) {
            Ok(nodes) => (Some(nodes), String::new()),
            Err(error) => (None, error.to_string()),
        },
    };
    let told = match &nodes {
        Some(nodes) => nodes.ask_all(&addresses).await,
        None => vec![Told::Silent(why); addresses.len()],
    };
    let seen = ordinals.iter().zip(states).zip(&addresses).zip(told);
    let pods = seen.map(|(((ordinal, state), address), told)| PodSeen {
        ordinal: *ordinal,
        name: names.pod(*ordinal),
        peer_address: address.peer_address.clone(),
        state,
        told,
    });
    let observed = Observed {
        voters,
        cluster,
        pods: pods.collect(),
    };
    Seen {
        observed,
        addresses,
        nodes,
    }
}

/// Every ordinal that is wanted, or has a pod, or has a volume.
fn ordinals(found: &Found, voters: usize) -> BTreeSet<usize> {
    let wanted = 0..voters.max(found.replicas().unwrap_or(0));
    let there = found.pods.keys().chain(found.claims.keys());
    wanted.chain(there.copied()).collect()
}

fn address(names: &Names, found: &Found, ordinal: usize) -> Address {
    let host = names.host(&names.pod(ordinal));
    let status = found.pods.get(&ordinal).and_then(|pod| pod.status.as_ref());
    let ip = status.and_then(|status| status.pod_ip.as_ref()?.parse().ok());
    Address {
        peer_address: format!("{host}:{PEERS_PORT}"),
        host,
        ip,
        port: ADMIN_PORT,
    }
}

fn identity(found: &Found) -> Option<Identity> {
    let data = found.tls.get(&Which::Operator)?;
    let file = |name: &str| data.get(name).cloned();
    Some(Identity {
        cert: file("tls.crt")?,
        key: file("tls.key")?,
        bundle: file("ca.crt")?,
    })
}
