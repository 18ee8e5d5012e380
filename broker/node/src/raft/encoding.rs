//! openraft's values <-> `proto/log.proto`. Here and not in `convert`, so that its types stay in `raft`.

use std::collections::BTreeSet;

use bytes::Bytes;
use openraft::impls::EntryPayload;
use prost::Message as _;
use quorate_proto::log;

use super::type_config::{Command, Entry, LeaderId, LogId, Membership, StoredMembership, Vote};
use crate::convert::Malformed;

/// Where in an entry's header the kind stands, and what it may be. Durable: never changed.
const KIND_AT: usize = 16;
const KIND_BLANK: u8 = 0;
const KIND_COMMAND: u8 = 1;
const KIND_MEMBERSHIP: u8 = 2;

pub(super) fn encode_vote(vote: &Vote) -> Bytes {
    let message = log::Vote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    };
    message.encode_to_vec().into()
}

pub(super) fn decode_vote(bytes: Bytes) -> Result<Vote, Malformed> {
    let message = log::Vote::decode(bytes)?;
    Ok(Vote {
        leader_id: leader(message.term, message.node),
        committed: message.committed,
    })
}

/// The log's form of an entry. The header: term and leader's node id, little endian, then the kind.
pub(super) fn encode_entry(entry: Entry) -> quorate_wal::Entry {
    let (kind, payload) = match entry.payload {
        EntryPayload::Blank => (KIND_BLANK, Bytes::new()),
        EntryPayload::Normal(command) => (KIND_COMMAND, command.0),
        EntryPayload::Membership(membership) => {
            let bytes = encode_membership(&membership).encode_to_vec();
            (KIND_MEMBERSHIP, bytes.into())
        }
    };
    quorate_wal::Entry {
        index: entry.log_id.index,
        header: header(&entry.log_id, kind),
        payload,
    }
}

pub(super) fn decode_entry(entry: quorate_wal::Entry) -> Result<Entry, Malformed> {
    let payload = match entry.header[KIND_AT] {
        KIND_BLANK => EntryPayload::Blank,
        KIND_COMMAND => EntryPayload::Normal(Command(entry.payload)),
        KIND_MEMBERSHIP => {
            let membership = log::Membership::decode(entry.payload)?;
            EntryPayload::Membership(decode_membership(membership))
        }
        unknown => {
            return Err(Malformed::Range {
                field: "entry header's kind",
                value: unknown.into(),
            });
        }
    };
    Ok(Entry {
        log_id: point(entry.index, &entry.header),
        payload,
    })
}

/// The header that marks a purged point.
pub(super) fn purged_header(log_id: &LogId) -> quorate_wal::Header {
    header(log_id, KIND_BLANK)
}

pub(super) fn decode_point(at: quorate_wal::LogPoint) -> LogId {
    point(at.index, &at.header)
}

fn header(log_id: &LogId, kind: u8) -> quorate_wal::Header {
    let mut header = [0; quorate_wal::HEADER_BYTES];
    header[..8].copy_from_slice(&log_id.leader_id.term.to_le_bytes());
    header[8..KIND_AT].copy_from_slice(&log_id.leader_id.node_id.to_le_bytes());
    header[KIND_AT] = kind;
    header
}

fn point(index: u64, header: &quorate_wal::Header) -> LogId {
    let [
        t0,
        t1,
        t2,
        t3,
        t4,
        t5,
        t6,
        t7,
        n0,
        n1,
        n2,
        n3,
        n4,
        n5,
        n6,
        n7,
        ..,
    ] = *header;
    let term = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    let node = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
    LogId::new(leader(term, node), index)
}

pub(super) fn encode_log_id(log_id: &LogId) -> log::LogId {
    log::LogId {
        term: log_id.leader_id.term,
        node: log_id.leader_id.node_id,
        index: log_id.index,
    }
}

pub(super) fn decode_log_id(log_id: log::LogId) -> LogId {
    LogId::new(leader(log_id.term, log_id.node), log_id.index)
}

pub(super) fn encode_stored(stored: &StoredMembership) -> log::StoredMembership {
    log::StoredMembership {
        log_id: stored.log_id().as_ref().map(encode_log_id),
        membership: Some(encode_membership(stored.membership())),
    }
}

pub(super) fn decode_stored(stored: log::StoredMembership) -> Result<StoredMembership, Malformed> {
    let membership = stored
        .membership
        .ok_or(Malformed::Missing("stored_membership.membership"))?;
    Ok(StoredMembership::new(
        stored.log_id.map(decode_log_id),
        decode_membership(membership),
    ))
}

fn encode_membership(membership: &Membership) -> log::Membership {
    let configs = membership.get_joint_config().iter();
    log::Membership {
        configs: configs
            .map(|voters| log::membership::Voters {
                nodes: voters.iter().copied().collect(),
            })
            .collect(),
        nodes: membership.nodes().map(|(node, _)| *node).collect(),
    }
}

fn decode_membership(membership: log::Membership) -> Membership {
    let configs: Vec<BTreeSet<u64>> = membership
        .configs
        .into_iter()
        .map(|voters| voters.nodes.into_iter().collect())
        .collect();
    // Takes voters that are not listed as members for members, so nothing read can be refused later.
    Membership::new_with_defaults(configs, membership.nodes)
}

fn leader(term: u64, node_id: u64) -> LeaderId {
    LeaderId { term, node_id }
}
