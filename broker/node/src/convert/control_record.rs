//! `Record` of the control group's snapshot.

use quorate_control::{Addresses, Member, NodeId, Record, Role};
use quorate_proto::log::{self, control_record as record};

use super::control::{decode_id, encode_id, out_of_range};
use super::malformed::{Malformed, narrow, present};

pub(super) fn encode(record: Record) -> log::ControlRecord {
    let kind = match record {
        Record::Header {
            applied,
            cluster_id,
            format,
            shards,
            slots,
            revision,
        } => record::Kind::Header(record::Header {
            applied,
            cluster_id: encode_id(cluster_id),
            format,
            shards: shards.into(),
            slots: slots.into_iter().map(u32::from).collect(),
            revision,
        }),
        Record::Member { node, member } => record::Kind::Member(encode_member(node, member)),
        Record::End { records } => record::Kind::End(records),
    };
    log::ControlRecord { kind: Some(kind) }
}

pub(super) fn decode(message: log::ControlRecord) -> Result<Record, Malformed> {
    Ok(match present("control_record.kind", message.kind)? {
        record::Kind::Header(header) => {
            let slots = header.slots.into_iter();
            Record::Header {
                applied: header.applied,
                cluster_id: decode_id(&header.cluster_id)?,
                format: header.format,
                shards: narrow("header.shards", header.shards)?,
                slots: slots
                    .map(|shard| narrow("header.slots", shard))
                    .collect::<Result<_, _>>()?,
                revision: header.revision,
            }
        }
        record::Kind::Member(member) => Record::Member {
            node: member.node,
            member: decode_member(member)?,
        },
        record::Kind::End(records) => Record::End { records },
    })
}

fn encode_member(node: NodeId, member: Member) -> record::Member {
    let role = match member.role {
        Role::Voter => record::Role::Voter,
        Role::Learner => record::Role::Learner,
        Role::Leaving => record::Role::Leaving,
        Role::Removed => record::Role::Removed,
    };
    record::Member {
        node,
        incarnation: member.incarnation,
        peer_address: member.addresses.peer,
        client_address: member.addresses.client,
        admin_address: member.addresses.admin,
        name: member.name,
        role: role.into(),
        lease_ended: member.lease_ended,
        suspended: member.suspended,
        draining: member.draining,
        promote: member.promote,
        token: encode_id(member.token),
    }
}

fn decode_member(member: record::Member) -> Result<Member, Malformed> {
    let role = record::Role::try_from(member.role);
    let role = match role.map_err(|_| out_of_range("member.role", member.role))? {
        record::Role::Voter => Role::Voter,
        record::Role::Learner => Role::Learner,
        record::Role::Leaving => Role::Leaving,
        record::Role::Removed => Role::Removed,
    };
    // Absent in records of the first format, which knew one node.
    let token = if member.token.is_empty() {
        0
    } else {
        decode_id(&member.token)?
    };
    Ok(Member {
        incarnation: member.incarnation,
        name: member.name,
        addresses: Addresses {
            peer: member.peer_address,
            client: member.client_address,
            admin: member.admin_address,
        },
        role,
        lease_ended: member.lease_ended,
        suspended: member.suspended,
        draining: member.draining,
        promote: member.promote,
        token,
    })
}
