//! A status as it is sent, to what the planner understands. Whatever a node sends, this is total.

use quorate_proto::admin as proto;

use super::Address;
use crate::membership::{GroupTold, MemberTold, Role, Told, View};

/// Reads an answer of the node that should be behind an address.
pub(super) fn told(reply: proto::StatusReply, address: &Address) -> Told {
    let is_meant = reply.peer_address.is_empty() || reply.peer_address == address.peer_address;
    if !is_meant {
        let there = &reply.peer_address;
        return Told::Silent(format!(
            "another node answers there, which is reached at {there}"
        ));
    }
    match reply.stage() {
        proto::Stage::Waiting => Told::Waiting {
            ticket: reply.ticket,
        },
        proto::Stage::Starting => Told::Starting,
        proto::Stage::Member => member(reply),
        proto::Stage::Unspecified => Told::Silent("its answer is not understood".to_owned()),
    }
}

fn member(reply: proto::StatusReply) -> Told {
    let is_id = reply.cluster_id.len() == 32
        && reply
            .cluster_id
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit());
    if !is_id || reply.node == 0 {
        return Told::Silent("its answer is not understood".to_owned());
    }
    Told::Member(Box::new(View {
        node: reply.node,
        lease_held: reply.lease_held,
        revision: reply.revision,
        members: reply.members.into_iter().filter_map(to_member).collect(),
        groups: reply.groups.into_iter().map(to_group).collect(),
        cluster: reply.cluster_id,
    }))
}

fn to_member(member: proto::Member) -> Option<(u64, MemberTold)> {
    let role = match member.role() {
        proto::Role::Learner => Role::Learner,
        proto::Role::Voter => Role::Voter,
        proto::Role::Leaving => Role::Leaving,
        proto::Role::Unspecified => return None,
    };
    let told = MemberTold {
        role,
        live: member.live,
        draining: member.draining,
        peer_address: member.peer_address,
    };
    Some((member.node, told))
}

fn to_group(group: proto::Group) -> (u32, GroupTold) {
    let lags = group.lags.into_iter();
    let told = GroupTold {
        leader: group.leader,
        term: group.term,
        committed: group.committed,
        voters: group.voters.into_iter().collect(),
        learners: group.learners.into_iter().collect(),
        lags: lags.map(|lag| (lag.node, lag.entries)).collect(),
    };
    (group.group, told)
}
