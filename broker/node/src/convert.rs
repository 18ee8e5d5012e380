//! Domain values <-> the messages of `proto/log.proto`, one file per type. Bytes from a disk are
//! decoded totally: what is wrong with them is an error, never a panic. No I/O here.

mod batch;
mod command;
mod control;
mod control_record;
mod malformed;
mod members;
mod message;
mod origin;
mod outcome;
mod shard_record;
mod snapshot;
mod subscription;

pub use batch::{decode_batch, encode_batch};
pub(crate) use command::weight;
pub use control::{decode_control, encode_control};
pub use malformed::Malformed;
pub(crate) use members::{decode_control_answer, encode_control_answer};
pub(crate) use snapshot::{decode_control_record, encode_control_record};
pub use snapshot::{decode_shard_record, encode_shard_record};

#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;
