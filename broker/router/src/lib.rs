//! PURE. Who gets a message.
//!
//! Two layers. [`FilterIndex`] and [`TopicTree`] answer the two matching questions of MQTT 4.7: which filters
//! match this topic, and which topics match this filter. [`Table`] builds on the first one what a worker owns:
//! filter to own connections and coarse targets, merged into a [`Route`] per topic and cached.
//!
//! Filters and topics come in validated by the codec. A [`Table`] takes shared filters (`$share/group/filter`) too: a
//! route names the groups that want its topic, and [`Table::choose`] finds the member for each message.
//! No clock, no randomness: a hash seed is an argument, and no answer depends on it or on the order of changes.
#![forbid(unsafe_code)]

mod exact;
mod filter_index;
mod fixed_map;
mod freshness;
mod interest;
mod levels;
pub mod limits;
mod members;
mod node;
mod route;
mod route_cache;
mod share_group;
mod share_table;
mod table;
mod topic_tree;
mod trie;

pub use filter_index::{FilterIndex, Inserted, Removed};
pub use interest::{ConnectionId, Interest, Scope, ShareCount, Subscriber, Target};
pub use route::{Recipient, Route, WorkerInterest};
pub use route_cache::RouteHandle;
pub use share_group::{Chosen, Draw, ShareStrategy};
pub use share_table::ShareGroup;
pub use table::{Subscribed, Table};
pub use topic_tree::TopicTree;
