//! What a shard's leader does after an apply: deliveries to the owners of sessions, here or on other nodes,
//! interest to those who route, wills, closes, forgetting. It runs effects in order and holds no state that
//! must not be lost.

mod attachments;
mod barrier;
mod dispatcher;
mod hooks;
mod limits;
mod remote;

pub(crate) use attachments::Attachments;
pub use barrier::Barrier;
pub use dispatcher::Dispatcher;
pub use hooks::{Deliveries, InterestDelta, SessionDeliveries};
pub(crate) use remote::Remote;
