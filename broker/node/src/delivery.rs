//! What a shard's leader does after an apply: deliveries to the owners of sessions, interest to those who
//! route, wills, closes, forgetting. It runs effects in order and holds no state that must not be lost.

mod barrier;
mod dispatcher;
mod hooks;

pub use barrier::Barrier;
pub use dispatcher::Dispatcher;
pub use hooks::{Deliveries, InterestDelta, SessionDeliveries};
