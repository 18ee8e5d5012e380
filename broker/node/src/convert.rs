//! Domain values <-> the messages of `proto/log.proto`, one file per type. Bytes from a disk are
//! decoded totally: what is wrong with them is an error, never a panic. No I/O here.

mod batch;
mod command;
mod control;
mod control_record;
mod forward;
mod malformed;
mod members;
mod message;
mod origin;
mod outcome;
mod retained;
mod session;
mod shard_record;
mod snapshot;
mod subscription;

pub(crate) use batch::stamp_batch;
pub use batch::{decode_batch, encode_batch};
pub(crate) use command::weight;
pub use control::{decode_control, encode_control};
pub(crate) use forward::{
    ForwardReply, ForwardRequest, decode_forward, decode_forward_reply, encode_forward,
    encode_forward_reply,
};
pub use malformed::Malformed;
pub(crate) use members::{decode_control_answer, encode_control_answer};
pub(crate) use retained::{
    RetainedRequest, decode_retained, decode_retained_piece, encode_retained, encode_retained_piece,
};
pub(crate) use session::{
    CloseRequest, Held, NotTaken, Piece, decode_close, decode_deliver, decode_not_taken,
    decode_sessions, encode_close, encode_deliver, encode_not_taken, encode_sessions,
};
pub(crate) use snapshot::{decode_control_record, encode_control_record};
pub use snapshot::{decode_shard_record, encode_shard_record};

#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;
