//! PURE. One client's protocol state, from the accepted CONNECT to the end of the connection.
//!
//! Knows no socket, no clock, no router and no shard: a worker owns the [`Session`], gives it decoded
//! packets and the time, and does what the returned [`Step`] says.
//!
//! # Grammar
//! - `handle_*` is input: a packet, activity, the time. Each returns one [`Step`], by value.
//! - `publish_*`, `inbound_*`, `subscribe_*`, `unsubscribe_*`, `received_applied` feed back what a step
//!   asked for.
//! - `poll_*` is output that gathers; drain order: [`Session::poll_ack`] after each fed back result,
//!   then, once a turn for sessions that gave [`Step::Settled`], [`Session::poll_acknowledged`],
//!   [`Session::poll_received`] and as many queued messages as [`Session::room`] allows.
//! - plain nouns are getters.
#![forbid(unsafe_code)]

mod admission;
mod deliver;
mod handle_disconnect;
mod handle_puback;
mod handle_pubcomp;
mod handle_publish;
mod handle_pubrec;
mod handle_pubrel;
mod handle_subscribe;
mod handle_unsubscribe;
mod inbound;
mod inflight;
mod input;
mod keep_alive;
mod limits;
mod output;
mod session;
mod topic_alias;
mod will;

pub use deliver::Delivery;
pub use handle_publish::Publishing;
pub use handle_subscribe::{RequestedFilter, SubscribeRequest};
pub use handle_unsubscribe::UnsubscribeRequest;
pub use inbound::Ticket;
pub use input::{ClientLimits, Mode, SessionStart};
pub use limits::{Capabilities, Limits};
pub use output::{Close, Release, Reply, Step};
pub use session::Session;
pub use topic_alias::OutboundAlias;
