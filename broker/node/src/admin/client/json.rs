//! The status for programs. Its names are a promise: they may be added to, not changed.

use quorate_proto::admin::{Group, Member, Stage};
use serde_json::{Value, json};

use super::table::role_name;
use crate::admin::view::{View, group_name};

/// One object, indented.
pub(super) fn print(view: &View) -> String {
    let asked = &view.asked;
    let stage = match asked.stage() {
        Stage::Waiting => "waiting",
        Stage::Starting => "starting",
        Stage::Member => "member",
        Stage::Unspecified => "unknown",
    };
    let members: Vec<Value> = view.members().iter().map(|one| member(view, one)).collect();
    let groups: Vec<Value> = view.groups().into_iter().map(group).collect();
    let status = json!({
        "cluster_id": asked.cluster_id,
        "node": asked.node,
        "stage": stage,
        "lease_held": asked.lease_held,
        "revision": asked.revision,
        "members": members,
        "groups": groups,
    });
    format!("{status:#}\n")
}

fn member(view: &View, member: &Member) -> Value {
    json!({
        "node": member.node,
        "name": member.name,
        "role": role_name(member.role()),
        "incarnation": member.incarnation,
        "lease_held": member.live,
        "suspended": member.suspended,
        "draining": member.draining,
        "answers": view.answers(member),
        "client_address": member.client_address,
        "peer_address": member.peer_address,
        "admin_address": member.admin_address,
    })
}

fn group(group: &Group) -> Value {
    let lag = |lag: &quorate_proto::admin::Lag| json!({"node": lag.node, "entries": lag.entries});
    json!({
        "group": group.group,
        "name": group_name(group.group),
        "leader": group.leader,
        "term": group.term,
        "committed": group.committed,
        "applied": group.applied,
        "voters": group.voters,
        "learners": group.learners,
        "lags": group.lags.iter().map(lag).collect::<Vec<_>>(),
    })
}
