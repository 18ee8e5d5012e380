//! Records of snapshots as bytes.

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::log;

use super::{Malformed, control_record, shard_record};

/// Appends one record of a shard's snapshot.
pub fn encode_shard_record(record: quorate_shard::Record) -> Vec<u8> {
    shard_record::encode(record).encode_to_vec()
}

/// Reads one record of a shard's snapshot.
pub fn decode_shard_record(bytes: Bytes) -> Result<quorate_shard::Record, Malformed> {
    // Each record is read into a buffer of its own, so nothing else is pinned by it.
    let source = bytes.len();
    shard_record::decode(log::ShardRecord::decode(bytes)?, source)
}

/// Appends one record of the control group's snapshot.
pub(crate) fn encode_control_record(record: quorate_control::Record) -> Vec<u8> {
    control_record::encode(record).encode_to_vec()
}

/// Reads one record of the control group's snapshot.
pub(crate) fn decode_control_record(bytes: Bytes) -> Result<quorate_control::Record, Malformed> {
    control_record::decode(log::ControlRecord::decode(bytes)?)
}
