//! How a cluster begins, or is found again. While the status knows no cluster, every volume is asked first: one
//! that cannot be asked may hold the cluster, and a second one must never begin beside it.

use std::collections::BTreeSet;

use super::observed::{Observed, PodState, Told};
use super::summary::Summary;
use super::{Finding, Next, Plan, unknown_standings};
use crate::finding::{list, verb};

/// The step while the resource's status knows no cluster.
pub(super) fn begin(observed: &Observed) -> Plan {
    let (next, membership) = step(observed);
    Plan {
        next,
        quorum: Finding::unknown("NoCluster", "There is no cluster yet."),
        membership,
        summary: Summary::default(),
        standing: unknown_standings(observed),
    }
}

fn step(observed: &Observed) -> (Next, Finding) {
    let clusters: BTreeSet<&str> = observed.pods.iter().filter_map(cluster_of).collect();
    let mut clusters = clusters.into_iter();
    match (clusters.next(), clusters.next()) {
        (Some(one), Some(other)) => return (Next::Stuck, disagreement(observed, one, other)),
        (Some(cluster), None) => {
            let message =
                format!("The nodes belong to cluster {cluster}, and that is written down.");
            let next = Next::Record {
                cluster: cluster.to_owned(),
            };
            return (next, Finding::bad("Recording", message));
        }
        (None, _) => {}
    }
    if let Some(orphan) = orphan(observed) {
        return (Next::Stuck, orphan);
    }
    let silent = observed.pods.iter().filter(|pod| !pod.waits());
    let silent: Vec<String> = silent.map(super::PodSeen::silence).collect();
    if !silent.is_empty() {
        let message = format!(
            "A new cluster begins when every node has said that its volume is empty: {}.",
            list(&silent)
        );
        return (Next::Wait, Finding::bad("WaitingForPods", message));
    }
    let first = observed.pods.first().filter(|pod| pod.ordinal == 0);
    match first.and_then(|pod| Some((pod, pod.ticket()?))) {
        Some((first, ticket)) => {
            let message = format!(
                "All volumes are empty: {} begins a new cluster.",
                first.name
            );
            let next = Next::Initialise {
                pod: 0,
                ticket: ticket.clone(),
            };
            (next, Finding::bad("Initialising", message))
        }
        None => (
            Next::Wait,
            Finding::bad("WaitingForPods", "There are no pods yet."),
        ),
    }
}

fn cluster_of(pod: &super::PodSeen) -> Option<&str> {
    match &pod.told {
        Told::Member(view) => Some(&view.cluster),
        Told::Silent(_) | Told::Waiting { .. } | Told::Starting => None,
    }
}

fn disagreement(observed: &Observed, one: &str, other: &str) -> Finding {
    let of = |cluster: &str| list(&observed.names(|pod| cluster_of(pod) == Some(cluster)));
    let message = format!(
        "The volumes belong to different clusters ({}: {one}, {}: {other}), and nothing says which is meant. Delete the volume claims and pods of the one that is not wanted.",
        of(one),
        of(other)
    );
    Finding::bad("VolumesDisagree", message)
}

/// A volume that no pod will open, since fewer voters are wanted: it may hold the cluster.
fn orphan(observed: &Observed) -> Option<Finding> {
    let orphans =
        observed.names(|pod| pod.ordinal >= observed.voters && pod.state == PodState::Absent);
    (!orphans.is_empty()).then(|| {
        let message = format!(
            "There {} from before for {}, beyond spec.voters: a cluster may be on {}. Raise spec.voters so that the cluster comes back, or delete the volume claims to begin a new one.",
            verb(&orphans, "is a volume", "are volumes"),
            list(&orphans),
            verb(&orphans, "it", "them"),
        );
        Finding::bad("VolumesBeyondVoters", message)
    })
}
