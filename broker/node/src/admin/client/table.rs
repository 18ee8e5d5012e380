//! The status for people: two tables of text.

use quorate_proto::admin::{Group, Member, Role, Stage};

use crate::admin::view::{View, group_name};

/// The whole status; `to` is whom was asked.
pub(super) fn print(view: &View, to: &str) -> String {
    match view.asked.stage() {
        Stage::Waiting => {
            return format!(
                "The node at {to} waits: quorate admin --to {to} init begins a new cluster, quorate admin --to MEMBER add {to} takes it into one.\n"
            );
        }
        Stage::Starting => return format!("The node at {to} is starting.\n"),
        Stage::Member | Stage::Unspecified => {}
    }
    let mut text = format!(
        "cluster {}   membership revision {}   as node {} knows it\n\n",
        view.asked.cluster_id, view.asked.revision, view.asked.node
    );
    text.push_str(&members(view));
    text.push('\n');
    text.push_str(&groups(view));
    if !view.asked.lease_held {
        text.push_str(&format!(
            "\nNode {} has no lease and serves no clients; what it tells may be old.\n",
            view.asked.node
        ));
    }
    text
}

fn members(view: &View) -> String {
    let head = ["NODE", "NAME", "ROLE", "STATE", "CLIENTS", "PEERS", "ADMIN"];
    let rows = view.members().iter().map(|member| {
        [
            member.node.to_string(),
            or_dash(&member.name),
            role_name(member.role()).to_owned(),
            state(view, member),
            or_dash(&member.client_address),
            or_dash(&member.peer_address),
            or_dash(&member.admin_address),
        ]
    });
    table(head, rows)
}

fn groups(view: &View) -> String {
    let head = [
        "GROUP",
        "NAME",
        "LEADER",
        "TERM",
        "COMMITTED",
        "VOTERS",
        "LEARNERS",
        "BEHIND",
    ];
    let rows = view.groups().into_iter().map(|group| {
        [
            group.group.to_string(),
            group_name(group.group),
            group
                .leader
                .map_or_else(|| "none".to_owned(), |node| node.to_string()),
            group.term.to_string(),
            group.committed.to_string(),
            list(&group.voters),
            list(&group.learners),
            behind(group),
        ]
    });
    table(head, rows)
}

/// As it is shown.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Learner => "learner",
        Role::Voter => "voter",
        Role::Leaving => "leaving",
        Role::Unspecified => "unknown",
    }
}

fn state(view: &View, member: &Member) -> String {
    let mut words = Vec::new();
    if member.suspended {
        words.push("suspended");
    } else if !member.live {
        words.push("lease ended");
    } else if view.answers(member) == Some(false) {
        words.push("does not answer");
    } else {
        words.push("live");
    }
    if member.draining {
        words.push("draining");
    }
    words.join(", ")
}

/// Entries that followers are behind; who is not behind is not named.
fn behind(group: &Group) -> String {
    if group.lags.is_empty() {
        let is_alone = group.voters.len() + group.learners.len() <= 1;
        return if is_alone {
            "-"
        } else {
            "the leader does not answer"
        }
        .to_owned();
    }
    let late = group.lags.iter().filter(|lag| lag.entries > 0);
    let late: Vec<String> = late
        .map(|lag| format!("{} by {}", lag.node, lag.entries))
        .collect();
    if late.is_empty() {
        "nobody".to_owned()
    } else {
        late.join(", ")
    }
}

fn list(nodes: &[u64]) -> String {
    let nodes: Vec<String> = nodes.iter().map(u64::to_string).collect();
    or_dash(&nodes.join(" "))
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-" } else { text }.to_owned()
}

/// Columns as wide as their widest cell.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(rows);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths);
        let padded: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}
