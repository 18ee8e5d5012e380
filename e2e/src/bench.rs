//! The benchmark: one loop that plays all clients, our broker and Debian's mosquitto in turn, the same
//! load for both, and the broker's CPU time from the scheduler. A cell counts only if nothing was lost,
//! doubled or reordered. Measures and reports; judges nothing but that.

pub mod cell;
mod connection;
mod engine;
mod histogram;
mod idle;
mod ledger;
pub mod nodes;
pub mod report;
pub mod run;
mod server;
mod system;
mod template;
mod wire;
