//! `Batch`: what one entry of a shard group carries.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;
use quorate_proto::log;
use quorate_shard::{Batch, Millis};

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

/// Bytes that a second stamp adds at most: a key and a varint.
const STAMP_BYTES_MAX: usize = 11;

/// The same batch with this stamp instead of its own: in protobuf the last one counts.
pub(crate) fn stamp_batch(batch: &[u8], time: Millis) -> Bytes {
    let mut stamped = BytesMut::with_capacity(batch.len() + STAMP_BYTES_MAX);
    stamped.put_slice(batch);
    let stamp = log::Batch {
        time,
        ..log::Batch::default()
    };
    stamped.put_slice(&stamp.encode_to_vec());
    stamped.freeze()
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
