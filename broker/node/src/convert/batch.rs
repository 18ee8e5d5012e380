//! `Batch`: what one entry of a shard group carries.

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::log;
use quorate_shard::Batch;

use super::{Malformed, command};

/// The bytes of a batch, payloads copied once.
pub fn encode_batch(batch: Batch) -> Bytes {
    let message = log::Batch {
        node: batch.node,
        incarnation: batch.incarnation,
        sequence: batch.sequence,
        time: batch.time,
        commands: batch.commands.into_iter().map(command::encode).collect(),
    };
    message.encode_to_vec().into()
}

/// Reads a batch back.
///
/// # Errors
///
/// Anything that [`encode_batch`] would not write.
pub fn decode_batch(bytes: Bytes) -> Result<Batch, Malformed> {
    let source = bytes.len();
    let message = log::Batch::decode(bytes)?;
    Ok(Batch {
        node: message.node,
        incarnation: message.incarnation,
        sequence: message.sequence,
        time: message.time,
        commands: message
            .commands
            .into_iter()
            .map(|command| command::decode(command, source))
            .collect::<Result<_, _>>()?,
    })
}
