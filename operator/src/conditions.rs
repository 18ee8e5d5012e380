//! The status of a resource, from everything that a reconcile has learned. Pure.

#[cfg(test)]
mod tests;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api_error::Refusal;
use crate::crd::{ListenerStatus, MemberStatus, MqttCluster, MqttClusterStatus};
use crate::finding::{Finding, Holds, list};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::membership::{MemberLine, Plan, Role};
use crate::pods::Trouble;
use crate::rollout::OTHER;
use crate::validate::Problem;

/// What a reconcile has learned.
#[derive(Debug, Clone)]
pub struct Learned<'a> {
    /// The membership.
    pub plan: &'a Plan,
    /// The cluster that nodes say they belong to, once that is beyond doubt.
    pub cluster: Option<String>,
    /// Wanted pods.
    pub wanted: usize,
    /// Pods that exist.
    pub pods: usize,
    /// Pods that serve clients.
    pub ready: usize,
    /// Pods that do not, and why if that is known.
    pub not_ready: Vec<(String, Option<Trouble>)>,
    /// Certificates; `None` if they were not looked at.
    pub certificates: Option<Finding>,
    /// When the nodes' certificate ends.
    pub certificate_ends: Option<String>,
    /// What became of the resource's wishes.
    pub outcome: Outcome<'a>,
    /// Where clients connect.
    pub listeners: Vec<ListenerStatus>,
    /// Tag of the image that pods have.
    pub version: Option<String>,
    /// Selects the pods.
    pub selector: String,
}

/// What became of the resource's wishes.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// All is written.
    Applied,
    /// All but what needs a restart of the nodes.
    Held(&'a [String]),
    /// Nothing, since nothing is to be done.
    Paused,
    /// Nothing, since it is wrong.
    Invalid(&'a [Problem]),
    /// Not all, since an error came between.
    Failed(Refusal),
}

/// The new status. Times of conditions that have not changed stay, and so does what nobody can tell now.
pub fn status(cluster: &MqttCluster, learned: &Learned<'_>, now: Timestamp) -> MqttClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let summary = &learned.plan.summary;
    let mut findings = vec![
        ("Ready", ready(learned)),
        ("QuorumHealthy", learned.plan.quorum.clone()),
        ("MembershipStable", learned.plan.membership.clone()),
    ];
    findings.extend(
        learned
            .certificates
            .clone()
            .map(|finding| ("CertificatesReady", finding)),
    );
    findings.push(("ConfigApplied", config(&learned.outcome)));
    let mut conditions: Vec<Condition> = findings
        .into_iter()
        .map(|(kind, finding)| condition(cluster, &before, kind, finding, now))
        .collect();
    keep_untold(&mut conditions, &before);
    let members = members(learned, &before);
    let voters: Vec<&MemberLine> = summary
        .members
        .iter()
        .filter(|member| member.role == Role::Voter)
        .collect();
    let live = voters.iter().filter(|member| member.live).count();
    MqttClusterStatus {
        observed_generation: cluster.metadata.generation,
        cluster_id: before
            .cluster_id
            .clone()
            .or_else(|| learned.cluster.clone()),
        conditions,
        ready: Some(format!("{}/{}", learned.ready, learned.wanted)),
        quorum: (!voters.is_empty()).then(|| format!("{live}/{}", voters.len())),
        leader: summary.leader.clone(),
        term: summary.term.or(before.term),
        version: learned.version.clone(),
        replicas: i32::try_from(learned.pods).ok(),
        selector: Some(learned.selector.clone()),
        members,
        listeners: learned.listeners.clone(),
    }
}

/// Conditions that were not looked at stay as they were.
fn keep_untold(conditions: &mut Vec<Condition>, before: &MqttClusterStatus) {
    for old in &before.conditions {
        if !conditions
            .iter()
            .any(|condition| condition.type_ == old.type_)
        {
            conditions.push(old.clone());
        }
    }
}

fn members(learned: &Learned<'_>, before: &MqttClusterStatus) -> Vec<MemberStatus> {
    let lines = &learned.plan.summary.members;
    if lines.is_empty() {
        // Nobody can tell: who was a member is still worth knowing, that it lives is not known.
        let silent = |member: &MemberStatus| MemberStatus {
            live: false,
            lag: None,
            ..member.clone()
        };
        return before.members.iter().map(silent).collect();
    }
    let told = |line: &MemberLine| MemberStatus {
        pod: line.pod.clone(),
        node: line.node,
        role: role(line.role).to_owned(),
        live: line.live,
        lag: line.groups_behind.map(|groups| match groups {
            0 => "none".to_owned(),
            1 => "1 group".to_owned(),
            many => format!("{many} groups"),
        }),
        certificate_ends: learned.certificate_ends.clone(),
    };
    lines.iter().map(told).collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Learner => "Learner",
        Role::Voter => "Voter",
        Role::Leaving => "Leaving",
    }
}

fn ready(learned: &Learned<'_>) -> Finding {
    let Learned { ready, wanted, .. } = learned;
    if ready == wanted && learned.plan.quorum.holds == Holds::True {
        let nodes = if *wanted == 1 {
            "node serves"
        } else {
            "nodes serve"
        };
        return Finding::good(
            "AllNodesReady",
            format!("{ready} of {wanted} {nodes} clients."),
        );
    }
    if let Outcome::Invalid(problems) = &learned.outcome
        && learned.pods == 0
    {
        let reason = problems.first().map_or("Invalid", |problem| problem.reason);
        return Finding::bad(
            reason,
            "Nothing is made before the manifest is right; ConfigApplied says what is wrong.",
        );
    }
    let troubles = learned.not_ready.iter();
    let told: Vec<String> = troubles
        .clone()
        .map(|(pod, trouble)| match trouble {
            Some(trouble) => format!("{pod}: {}", trouble.text),
            None => format!("{pod} is not ready yet"),
        })
        .collect();
    let first = troubles.filter_map(|(_, trouble)| trouble.as_ref()).next();
    let is_formed = learned.plan.summary.cluster.is_some();
    let reason = match first {
        Some(trouble) => trouble.reason,
        None if is_formed => "NodesNotReady",
        None => "Forming",
    };
    let begin = if is_formed {
        format!("{ready} of {wanted} nodes serve clients")
    } else {
        "The cluster is being formed".to_owned()
    };
    let message = if told.is_empty() {
        format!("{begin}.")
    } else {
        format!("{begin}; {}.", told.join("; "))
    };
    Finding::bad(reason, message)
}

fn config(outcome: &Outcome<'_>) -> Finding {
    match outcome {
        Outcome::Applied => Finding::good("Applied", "Everything is as the manifest says."),
        Outcome::Held([part]) if part == OTHER => Finding::bad(
            "RolloutNeeded",
            "This version of the operator makes pods in another way than those that run; they keep what they have, since rolling restarts are not built yet. Nothing has to be done.",
        ),
        Outcome::Held(parts) => Finding::bad(
            "RolloutNeeded",
            format!(
                "Changes of {} need a restart of the nodes and are held back: rolling restarts are not built yet. The nodes keep what they have; to be rid of this message, take the changes back.",
                list(parts)
            ),
        ),
        Outcome::Paused => Finding::unknown(
            "Paused",
            "spec.paused is true: nothing is created, changed or put right until it is false.",
        ),
        Outcome::Invalid(problems) => {
            let messages: Vec<&str> = problems.iter().map(|problem| &*problem.message).collect();
            let reason = problems.first().map_or("Invalid", |problem| problem.reason);
            Finding::bad(reason, messages.join(" "))
        }
        Outcome::Failed(refusal) => Finding::bad(refusal.reason, refusal.message.clone()),
    }
}

fn condition(
    cluster: &MqttCluster,
    before: &MqttClusterStatus,
    kind: &str,
    finding: Finding,
    now: Timestamp,
) -> Condition {
    let status = finding.holds.text();
    let same = before
        .conditions
        .iter()
        .find(|old| old.type_ == kind && old.status == status);
    Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: finding.reason.to_owned(),
        message: clip(&finding.message, MESSAGE_BYTES_MAX).to_owned(),
        observed_generation: cluster.metadata.generation,
        last_transition_time: same.map_or(Time(now), |old| old.last_transition_time.clone()),
    }
}

/// At most so many bytes, cut between letters.
pub fn clip(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
