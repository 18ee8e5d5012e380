//! What the control leader sees to: leases that ran out, cuts between two nodes, newcomers that have caught
//! up, and members that have left every group.

use std::sync::Arc;

use quorate_control::{Command, Control, Left, Life, Outcome, Role, SetRole, WantedRole};

use super::clock::now_ms;
use super::limits::{CHANGE_DEADLINE, OVERSEER_INTERVAL, STALL_MS_MAX};
use super::links::Links;
use super::standing::Membership;
use crate::raft::Leadership;
use crate::shard_client::Unavailable;

/// Watches for as long as this node lives; acts while it leads the control group.
pub(super) async fn oversee(membership: Arc<Membership>) {
    let mut leadership = membership.client.group.leadership();
    let mut links = Links::default();
    let mut last = 0;
    loop {
        let leads = *leadership.borrow_and_update() == Leadership::Leading;
        if leads {
            let now = now_ms();
            if now.saturating_sub(last) > STALL_MS_MAX {
                // A new leadership, or a long sleep: renewals may have been missed, and that is our fault.
                membership.service.table().clear();
                links = Links::default();
            }
            last = now;
            look(&membership, &mut links, now).await;
            tokio::time::sleep(OVERSEER_INTERVAL).await;
        } else {
            last = 0;
            if leadership.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn look(membership: &Arc<Membership>, links: &mut Links, now: u64) {
    let control = membership.state();
    let leader = membership.node;
    let ended = (membership.service.table()).run_out(&control, leader, now);
    for life in ended {
        tracing::warn!(node = life.node, "the lease of a node has run out");
        end(membership, Command::EndLease(life), life);
    }
    let (suspend, resume) = {
        let table = membership.service.table();
        let cut = links.cut(&control, &table, membership.node, now);
        (cut, links.resumable(&control, &table, now))
    };
    if let Some(life) = suspend {
        tracing::warn!(
            node = life.node,
            "a node that cannot reach another is suspended"
        );
        membership.service.table().end(life);
        end(membership, Command::Suspend(life), life);
    }
    for node in resume {
        tracing::info!(node, "a suspended node reaches everybody again");
        let _ = change(membership, Command::Resume(node)).await;
    }
    if let Some(command) = promotion(membership, &control, now) {
        let _ = change(membership, command).await;
    } else if let Some(command) = departure(membership, &control) {
        let _ = change(membership, command).await;
    }
}

/// Has the end of a life committed, beside the loop: other leases are looked at meanwhile.
fn end(membership: &Arc<Membership>, command: Command, life: Life) {
    let membership = Arc::clone(membership);
    tokio::spawn(async move {
        // When the outcome is unknown the life stays marked until somebody else leads.
        if let Ok(Outcome::Refused(_)) = change(&membership, command).await {
            membership.service.table().not_ended(life);
        }
    });
}

async fn change(membership: &Membership, command: Command) -> Result<Outcome, Unavailable> {
    let outcome = membership.client.change(command, CHANGE_DEADLINE).await;
    if let Ok(Outcome::Refused(refusal)) = outcome {
        tracing::debug!(%refusal, "a change of the membership was refused");
    }
    outcome
}

/// A newcomer that is to get its vote.
fn promotion(membership: &Membership, control: &Control, now: u64) -> Option<Command> {
    let table = membership.service.table();
    let mut members = control.members();
    let ready = members.find(|(node, member)| {
        let report = table.fresh(*node, now);
        member.promote
            && member.role == Role::Learner
            && member.is_live()
            && report.is_some_and(|report| report.caught_up)
    });
    let (node, _) = ready?;
    tracing::info!(node, "a member has caught up and gets its vote");
    Some(Command::SetRole(SetRole {
        node,
        role: WantedRole::Voter,
        expected: control.revision(),
    }))
}

/// A member that no group has any more.
fn departure(membership: &Membership, control: &Control) -> Option<Command> {
    let mut members = control.members();
    let (node, _) = members.find(|(_, member)| member.role == Role::Leaving)?;
    let groups = u32::try_from(membership.groups.len()).unwrap_or(u32::MAX);
    let gone = membership
        .service
        .table()
        .all_reached(groups, control.revision());
    gone.then(|| {
        tracing::info!(node, "a member has left all groups");
        Command::Left(Left {
            node,
            expected: control.revision(),
        })
    })
}
