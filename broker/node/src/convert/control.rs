//! `Command` and `Record` of the control group.

use bytes::Bytes;
use prost::Message as _;
use quorate_control::{Bootstrap, Command, Record, StartNode};
use quorate_proto::log::{self, control_command as command, control_record as record};

use super::malformed::{Malformed, narrow, present};

/// The bytes of a control command.
pub fn encode_control(command: Command) -> Bytes {
    let kind = match command {
        Command::Bootstrap(bootstrap) => command::Kind::Bootstrap(command::Bootstrap {
            cluster_id: encode_id(bootstrap.cluster_id),
            shards: bootstrap.shards.into(),
            format: bootstrap.format,
        }),
        Command::StartNode(start) => command::Kind::StartNode(command::StartNode {
            node: start.node,
            peer_address: start.peer_address,
            client_address: start.client_address,
        }),
    };
    let message = log::ControlCommand { kind: Some(kind) };
    message.encode_to_vec().into()
}

/// Reads a control command back.
///
/// # Errors
///
/// Anything that [`encode_control`] would not write.
pub fn decode_control(bytes: Bytes) -> Result<Command, Malformed> {
    let message = log::ControlCommand::decode(bytes)?;
    Ok(match present("control_command.kind", message.kind)? {
        command::Kind::Bootstrap(bootstrap) => Command::Bootstrap(Bootstrap {
            cluster_id: decode_id(&bootstrap.cluster_id)?,
            shards: narrow("bootstrap.shards", bootstrap.shards)?,
            format: bootstrap.format,
        }),
        command::Kind::StartNode(start) => Command::StartNode(StartNode {
            node: start.node,
            peer_address: start.peer_address,
            client_address: start.client_address,
        }),
    })
}

pub(super) fn encode_record(record: Record) -> log::ControlRecord {
    let kind = match record {
        Record::Header {
            applied,
            cluster_id,
            format,
            shards,
            slots,
        } => record::Kind::Header(record::Header {
            applied,
            cluster_id: encode_id(cluster_id),
            format,
            shards: shards.into(),
            slots: slots.into_iter().map(u32::from).collect(),
        }),
        Record::Member {
            node,
            incarnation,
            peer_address,
            client_address,
        } => record::Kind::Member(record::Member {
            node,
            incarnation,
            peer_address,
            client_address,
        }),
        Record::End { records } => record::Kind::End(records),
    };
    log::ControlRecord { kind: Some(kind) }
}

pub(super) fn decode_record(message: log::ControlRecord) -> Result<Record, Malformed> {
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
            }
        }
        record::Kind::Member(member) => Record::Member {
            node: member.node,
            incarnation: member.incarnation,
            peer_address: member.peer_address,
            client_address: member.client_address,
        },
        record::Kind::End(records) => Record::End { records },
    })
}

fn encode_id(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

fn decode_id(bytes: &[u8]) -> Result<u128, Malformed> {
    let bytes = bytes.try_into().map_err(|_| Malformed::Range {
        field: "cluster_id",
        value: bytes.len() as u64,
    })?;
    Ok(u128::from_be_bytes(bytes))
}
