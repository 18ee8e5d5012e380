//! The shard through its public face: a file per command, then properties over random histories.
#![cfg(test)]

mod batches;
mod claims;
mod history;
mod inbound;
mod limits;
mod oracle;
mod publishing;
mod queues;
mod replicas;
mod retained;
mod shares;
mod subscriptions;
mod support;
mod totality;
mod wills;
